"""Whatever is asked, shown and confirmed: what is sent is finite, within limits, near the pose."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import LimitExceeded, LinkTimeout, RobotMbrlError
from robot_mbrl.onboard import SafeRobot, SafetyState
from robot_mbrl.onboard.home import home_action
from tests.support.onboard_fakes import FakeRobot, LockstepClock

DT = 0.02
KINDS = ("voltage", "current", "torque", "velocity", "position")


def joint(
    kind: str = "position",
    *,
    limits: tuple[float, float] = (0.8, 2.2),
    reach: float = 2.2,
    speed: float = 2.0,
    margin: float = 0.05,
    ramp_s: float = 0.0,
) -> RobotSpec:
    """The arm with one joint of interest, its shoulder, commanded in `kind`; others never move."""
    arm = load_robot("arm")
    lone = replace(arm.joints[1], position_limit_rad=limits, home_rad=sum(limits) / 2)
    motor = replace(arm.actuators[1].motor, damping_nm_s_rad=0.5)
    if kind in ("voltage", "current", "torque"):
        motor = replace(motor, kind="dc_motor" if kind == "voltage" else "direct", gear_ratio=1.0)
    actuator = replace(
        arm.actuators[1], command=kind, limit=reach, command_speed_rad_s=speed, motor=motor
    )
    return replace(
        arm,
        joints=(arm.joints[0], lone, *arm.joints[2:]),
        actuators=(actuator,),
        safety=replace(arm.safety, soft_limit_margin_rad=margin, ramp_s=ramp_s),
    )


class Machine:
    """A SafeRobot whose shoulder is where a test says, and confirms what a test says."""

    def __init__(self, spec: RobotSpec, q: float) -> None:
        self.spec, self.clock = spec, LockstepClock()
        self.robot = FakeRobot(spec, self.clock)
        self.safe = SafeRobot(self.robot, spec, self.clock)
        self.put(q)

    def put(self, q: float) -> None:
        self.robot.q = np.array([0.0, q, 0.5, 0.5, 0.0])

    def tick(self, q: float, action: float) -> float:
        """The command that is sent, in its unit."""
        self.clock.advance(DT)
        self.put(q)
        self.safe.read()
        self.safe.send(np.array([action]))
        return float(self.robot.sent[-1][0])


def test_the_first_command_starts_from_the_pose() -> None:
    machine = Machine(joint(), 2.0)
    machine.safe.arm()
    assert machine.tick(2.0, -1.0) == pytest.approx(2.0 - 2.0 * DT)


def test_without_a_stated_speed_as_well() -> None:
    machine = Machine(joint(speed=np.inf), 2.0)
    machine.safe.arm()
    assert machine.tick(2.0, -1.0) == pytest.approx(2.0 - 2.0 * DT)  # a fifth of 15, at most 2


def test_the_ramp_is_one_of_speed() -> None:
    machine = Machine(joint(ramp_s=0.1), 2.0)
    machine.safe.arm()
    sent = [machine.tick(2.0, -1.0) for _ in range(7)]
    steps = -np.diff([2.0, *sent])
    assert steps == pytest.approx(2.0 * DT * np.array([0, 0.2, 0.4, 0.6, 0.8, 1, 1]))


@pytest.mark.parametrize("asked", [-1.0, 0.0, 1.0])
def test_an_asymmetric_limit_is_never_left(asked: float) -> None:
    machine = Machine(joint(), 1.0)
    machine.safe.arm()
    sent, q = [], 1.0
    for _ in range(100):
        sent.append(machine.tick(q, asked))
        q += 0.5 * (sent[-1] - q)
    assert min(sent) >= 0.85 - 1e-9
    assert max(sent) <= 2.15 + 1e-9
    assert sent[-1] == pytest.approx(0.85 if asked < 0.5 else 2.15, abs=1e-3)


@pytest.mark.parametrize("lie", [60.0, -60.0, 0.0, 2.2])
def test_a_wrong_confirmation_moves_nothing_far(lie: float) -> None:
    machine = Machine(joint(), 1.5)
    machine.safe.arm()
    machine.robot.send = wrong(machine.robot, lie)  # type: ignore[method-assign]
    before = 1.5
    with suppress(RobotMbrlError):  # the check of the echo may stop it
        for k in range(10):
            now = machine.tick(1.5, 0.3 if k % 2 else -1.0)
            assert abs(now - before) <= 2.0 * DT + 1e-9
            assert 0.8 <= now <= 2.2
            before = now
    assert len(machine.robot.sent) > 1


def wrong(robot: FakeRobot, lie: float) -> Any:
    truth = robot.send

    def send(command: Any) -> Any:
        return replace(truth(command), value=np.array([lie]))

    return send


@pytest.mark.parametrize(("start", "inwards"), [(0.7, 1.0), (2.19, -1.0), (2.21, -1.0)])
def test_recovery_goes_inwards_from_where_the_joint_is(start: float, inwards: float) -> None:
    """0 is no direction: the joint's range may not even hold it."""
    spec = joint(limits=(0.8, 2.18), reach=2.2)
    machine = Machine(spec, start)
    machine.safe.arm(homing=True)
    home = home_action(np.zeros(5), np.zeros(5), spec)[0]
    assert machine.tick(start, home) == pytest.approx(start, abs=0.011)  # settling: held
    q, sent = start, float(machine.robot.sent[-1][0])
    for _ in range(40):
        before, sent = sent, machine.tick(q, home)
        outside = not 0.8 <= q <= 2.18
        assert 0 <= inwards * (sent - before) <= (0.05 * 15.0 if outside else 2.0) * DT + 1e-9
        q += 0.5 * (sent - q)
    assert inwards * (q - start) > 0.2


def test_a_pose_that_no_command_reaches_is_refused() -> None:
    machine = Machine(joint(limits=(0.8, 2.2), reach=1.5), 2.0)
    with pytest.raises(LimitExceeded, match=r"reach only 1\.5.*by hand"):
        machine.safe.arm()
    assert machine.robot.sends == 0


def test_a_velocity_command_is_slow_beyond_a_limit() -> None:
    machine = Machine(joint("velocity", reach=6.0), 2.3)
    machine.safe.arm(homing=True)
    for q in (2.3, 2.3, 2.3):
        assert machine.tick(q, 1.0) == 0.0
    assert machine.tick(2.3, -1.0) == pytest.approx(-0.05 * 15.0)


def test_a_joint_that_weight_pulls_beyond_its_soft_limit_is_held_further_in() -> None:
    """The servo sags by 0.09 rad: its command must stay inside for its joint to."""
    machine = Machine(joint(), 2.0)
    machine.safe.arm()
    q = 2.0
    for _ in range(200):
        q += 0.5 * (machine.tick(q, 1.0) + 0.09 - q)
    assert q == pytest.approx(2.15, abs=0.005)


def test_nothing_is_sent_to_a_position_servo_whose_pose_is_unknown() -> None:
    machine = Machine(joint(), 1.5)

    def broken() -> None:
        raise RuntimeError("driver bug")

    machine.robot.stop = broken  # type: ignore[method-assign]
    with pytest.raises(RuntimeError):
        machine.safe.disarm()
    assert machine.robot.sends == 0


@settings(max_examples=150, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    low=st.floats(-2.5, 1.5),
    span=st.floats(0.05, 3.0),
    speed=st.sampled_from([0.3, 2.0, np.inf]),
    ramp_s=st.sampled_from([0.0, 0.1]),
    start=st.floats(0.0, 1.0),
    events=st.lists(
        st.tuples(
            st.sampled_from(["move", "move", "move", "stale", "lost", "lie"]),
            st.floats(-1e3, 1e3),
            st.floats(-0.1, 0.1),
        ),
        max_size=30,
    ),
)
def test_what_is_sent(
    kind: str,
    low: float,
    span: float,
    speed: float,
    ramp_s: float,
    start: float,
    events: list[tuple[str, float, float]],
) -> None:
    high = low + span
    spec = joint(kind, limits=(low, high), reach=5.0, speed=speed, ramp_s=ramp_s)
    machine = Machine(spec, low + start * span)
    robot, q = machine.robot, low + start * span
    truth = robot.send
    machine.safe.arm()
    commands = [q]  # in force, as far as anybody can know
    for event, value, step in events:
        machine.clock.advance(DT)
        q = float(np.clip(q + step, low, high))
        if event != "stale":
            machine.put(q)
        robot.break_read = (lambda n: LinkTimeout("no reply")) if event == "stale" else (
            lambda n: None
        )  # fmt: skip
        robot.break_send = lambda n: None
        robot.send = wrong_of(truth, value) if event == "lie" else truth  # type: ignore[method-assign]
        if event == "lost":
            robot.send = lost_of(truth)  # type: ignore[method-assign]
        seen = len(robot.sent)
        with suppress(RobotMbrlError):
            machine.safe.read()
            machine.safe.send(np.array([value]))
        if len(robot.sent) == seen:
            break
        sent = float(robot.sent[-1][0])
        assert np.isfinite(sent)
        assert abs(sent) <= 5.0 + 1e-9
        pose = float(robot.q[1])
        if kind == "position":
            fastest = spec.command_speeds_rad_s[0] * DT
            assert min(low, pose) - 1e-9 <= sent <= max(high, pose) + 1e-9
            nearest = np.clip(sent, min(pose, *commands), max(pose, *commands))
            assert abs(sent - nearest) <= fastest + 1e-9
            told = float(np.clip(value, min(sent, pose), max(sent, pose)))
            known = {"lost": [*commands, sent], "lie": [sent, told]}
            commands = known.get(event, [sent])
        if machine.safe.state is SafetyState.STOPPED:
            break


def wrong_of(truth: Any, lie: float) -> Any:
    def send(command: Any) -> Any:
        return replace(truth(command), value=np.array([lie]))

    return send


def lost_of(truth: Any) -> Any:
    def send(command: Any) -> Any:
        truth(command)
        raise LinkTimeout("no reply")

    return send
