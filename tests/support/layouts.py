"""Observation layouts of any shape, for property tests."""

from hypothesis import strategies as st

from robot_mbrl.contract import ObservationLayout


@st.composite
def layouts(draw: st.DrawFn) -> ObservationLayout:
    joints = draw(st.integers(1, 3))
    return ObservationLayout(
        joints=tuple(f"j{k}" for k in range(joints)),
        wraps=tuple(draw(st.lists(st.booleans(), min_size=joints, max_size=joints))),
        actuators=tuple(f"a{k}" for k in range(draw(st.integers(1, 2)))),
        dt=draw(st.sampled_from([0.002, 0.02, 0.1])),
        alpha=tuple(draw(st.lists(st.floats(0.05, 1.0), min_size=joints, max_size=joints))),
        action_history=draw(st.integers(0, 3)),
        observation_history=draw(st.integers(0, 3)),
        goal=tuple(f"goal.g{k}" for k in range(draw(st.integers(0, 2)))),
    )


seeds = st.integers(0, 2**32 - 1)
