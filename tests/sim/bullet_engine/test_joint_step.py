"""The joint's time step against mechanics of one and two joints."""

import numpy as np
import pytest

from sim.bullet_engine.joint_step import apply_friction, next_velocity

DT, M, J, D = 0.01, 0.3, 0.2, 0.7


def advance(v: float, torque: float, *, damping: float = 0.0, friction: float = 0.0) -> float:
    def column(x: float) -> np.ndarray:
        return np.array([[x]])

    return next_velocity(
        column(v),
        np.array([[[M]]]),
        column(torque),
        armature=column(J),
        damping=column(damping),
        friction=column(friction),
        dt=DT,
    ).item()


def test_rotor_adds_to_the_inertia() -> None:
    assert advance(0.0, 1.0) == pytest.approx(DT / (M + J))


def test_damping_is_taken_at_the_end_of_the_step() -> None:
    assert advance(2.0, 0.0, damping=D) == pytest.approx(2.0 / (1 + DT * D / (M + J)))
    assert 0 < advance(2.0, 0.0, damping=1e6) < 1e-3  # explicit damping would explode


def test_friction_slows_by_its_torque_and_never_turns_the_motion_round() -> None:
    assert advance(2.0, 0.0, friction=5.0) == pytest.approx(2.0 - DT * 5.0 / (M + J))
    assert advance(-2.0, 0.0, friction=5.0) == pytest.approx(-2.0 + DT * 5.0 / (M + J))
    assert advance(0.05, 0.0, friction=5.0) == 0.0


@pytest.mark.parametrize("share", [-0.999, 0.3, 0.999])
def test_a_joint_sticks_exactly_below_its_friction(share: float) -> None:
    v = 0.0
    for _ in range(1000):
        v = advance(v, share * 5.0, friction=5.0)
        assert v == 0.0


def test_a_joint_breaks_free_above_its_friction() -> None:
    assert advance(0.0, 5.5, friction=5.0) == pytest.approx(DT * 0.5 / (M + J))


def test_two_coupled_joints_stick_and_slip_as_coulomb_says() -> None:
    """A v' = A v_free + p, |p_i| <= bound_i, and p_i = -bound_i sign(v_i) where v_i is not 0."""
    rng = np.random.default_rng(0)
    root = rng.standard_normal((500, 2, 2))
    system = root @ root.transpose(0, 2, 1) + 0.3 * np.eye(2)
    free, bound = rng.standard_normal((500, 2)), rng.uniform(0, 2, (500, 2))
    v = apply_friction(free, np.linalg.inv(system), bound)
    impulse = np.einsum("bij,bj->bi", system, v - free)
    moving = np.abs(v) > 1e-7
    assert 50 < moving.sum() < 950
    assert (np.abs(impulse) <= bound + 1e-7).all()
    np.testing.assert_allclose(impulse[moving], (-bound * np.sign(v))[moving], atol=1e-7)


def test_a_world_has_the_same_bits_whatever_its_neighbours() -> None:
    rng = np.random.default_rng(1)
    root = rng.standard_normal((37, 3, 3))
    mass = root @ root.transpose(0, 2, 1) + 0.1 * np.eye(3)
    v, torque, armature, damping, friction = np.abs(rng.standard_normal((5, 37, 3)))

    def solve(rows: slice) -> np.ndarray:
        return next_velocity(
            v[rows],
            mass[rows],
            torque[rows],
            armature=armature[rows],
            damping=damping[rows],
            friction=friction[rows],
            dt=DT,
        )

    together = solve(np.s_[:])
    for k in range(37):
        np.testing.assert_array_equal(solve(np.s_[k : k + 1])[0], together[k])
