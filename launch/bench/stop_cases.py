"""Ways to fail, each with the reason for which the supervisor must stop."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hardware import Driver
from hardware.mock.lockstep import LockstepClock, LockstepPort
from robot_mbrl.contract import Command, RobotSpec, RobotState
from robot_mbrl.contract.description.reality import Change, Payload, Reality
from robot_mbrl.onboard import OnnxController, StopReason
from robot_mbrl.onboard.controller.output import ControllerOutput


@dataclass(frozen=True)
class StopCase:
    """One way to fail.

    Attributes:
        name: for the table.
        at_s: when it begins.
        expected: the reason of the latched stop.
        reality: changes the machine.
        robot: wraps the driver: (robot, port, now) -> robot.
        controller: wraps the controller: (controller, clock) -> controller.
        operator: the operator asks to stop at `at_s`.
        monitor: the model's alarms are obeyed. A robot that no longer does what was planned is
            noticed by them as well, sometimes first; what else must hold is tried without them.
        fits: the robots that can fail so.
    """

    name: str
    at_s: float
    expected: StopReason
    reality: Callable[[Reality, RobotSpec], Reality] = lambda reality, spec: reality
    robot: Callable[[Any, LockstepPort, Callable[[], float]], Any] = lambda robot, port, now: robot
    controller: Callable[[Any, LockstepClock], Any] = lambda controller, clock: controller
    operator: bool = False
    monitor: bool = True
    fits: Callable[[RobotSpec], bool] = lambda spec: True


class ChangedDriver:
    """A driver with one method replaced."""

    def __init__(self, robot: Driver, read: Callable[[], RobotState]) -> None:
        self._robot = robot
        self._read = read

    def __getattr__(self, name: str) -> Any:
        return getattr(self._robot, name)

    def read(self) -> RobotState:
        """The replaced one."""
        return self._read()

    def send(self, command: Command) -> Command:
        """The driver's own."""
        return self._robot.send(command)

    def stop(self) -> None:
        """The driver's own."""
        self._robot.stop()

    def close(self) -> None:
        """The driver's own."""
        self._robot.close()


class StuckDriver(ChangedDriver):
    """A driver that sends full drive, and confirms what it was asked for."""

    def __init__(self, robot: Driver, spec: RobotSpec, begun: Callable[[], bool]) -> None:
        super().__init__(robot, robot.read)
        self._full = Command(np.array([a.limit for a in spec.actuators]))
        self._begun = begun

    def send(self, command: Command) -> Command:
        """Full drive, once begun."""
        if not self._begun():
            return self._robot.send(command)
        self._robot.send(self._full)
        return command


class ChangedController:
    """A controller whose output is changed on the way."""

    def __init__(
        self, controller: Any, change: Callable[[ControllerOutput], ControllerOutput]
    ) -> None:
        self._controller = controller
        self._change = change

    def reset(self) -> None:
        """Start an episode."""
        self._controller.reset()

    def act(self, observation: np.ndarray) -> ControllerOutput:
        """The changed output."""
        return self._change(self._controller.act(observation))


def payload(share: float, at_s: float) -> Callable[[Reality, RobotSpec], Reality]:
    """A point mass of `share` of the pendulum's, at its end."""

    def change(reality: Reality, spec: RobotSpec) -> Reality:
        import sim  # only this case needs the model

        link = spec.links[-1]
        mass = share * float(sim.mujoco_model(spec).body(link).mass[0])
        return dataclasses.replace(reality, payloads=(Payload(at_s, link, mass),))

    return change


def gain(scale: float, at_s: float) -> Callable[[Reality, RobotSpec], Reality]:
    """The first motor's torque times `scale`, of a servo in its loop and at most."""

    def change(reality: Reality, spec: RobotSpec) -> Reality:
        motor = spec.actuators[0]
        servo = ("stiffness", "damping", "torque_limit")
        keys = servo if motor.motor.kind == "servo" else ("torque_constant",)
        changes = tuple(Change(at_s, f"actuators.{motor.name}.{key}", scale) for key in keys)
        return dataclasses.replace(reality, changes=changes)

    return change


def is_driven_by_force(spec: RobotSpec) -> bool:
    """Whether full drive leads a joint beyond its limits; a position beyond them is not asked."""
    return all(actuator.command != "position" for actuator in spec.actuators)


def poisoned(at_s: float) -> Callable[..., Any]:
    """Positions turn into NaN."""

    def wrap(robot: Driver, port: LockstepPort, now: Callable[[], float]) -> ChangedDriver:
        def read() -> RobotState:
            state = robot.read()
            bad = np.full_like(state.q_rad, np.nan)
            return dataclasses.replace(state, q_rad=bad) if now() >= at_s else state

        return ChangedDriver(robot, read)

    return wrap


def unplugged(at_s: float) -> Callable[..., Any]:
    """The cable comes off."""

    def wrap(robot: Driver, port: LockstepPort, now: Callable[[], float]) -> ChangedDriver:
        def read() -> RobotState:
            if now() >= at_s:
                port.unplug()
            return robot.read()

        return ChangedDriver(robot, read)

    return wrap


def stuck(at_s: float) -> Callable[..., Any]:
    """The drive stays at full, and its echo hides it: no brake helps."""

    def wrap(robot: Any, port: LockstepPort, now: Callable[[], float]) -> StuckDriver:
        return StuckDriver(robot, robot.spec, lambda: now() >= at_s)

    return wrap


def slow(at_s: float, seconds: float) -> Callable[..., Any]:
    """Planning takes longer than a period."""

    def wrap(controller: OnnxController, clock: LockstepClock) -> ChangedController:
        start = clock.now()

        def change(output: ControllerOutput) -> ControllerOutput:
            if clock.now() - start >= at_s:
                clock.wait_until(clock.now() + seconds)
            return output

        return ChangedController(controller, change)

    return wrap


CASES = (
    StopCase("non-finite observation", 3.0, StopReason.NON_FINITE, robot=poisoned(3.0)),
    StopCase("link unplugged", 3.0, StopReason.LINK_LOST, robot=unplugged(3.0)),
    StopCase(
        "drive stuck at full, arm limit",
        3.0,
        StopReason.LIMIT_POSITION,
        robot=stuck(3.0),
        monitor=False,
        fits=is_driven_by_force,
    ),
    StopCase("deadline overrun", 3.0, StopReason.DEADLINE, controller=slow(3.0, 0.03)),
    StopCase("operator", 3.0, StopReason.OPERATOR, operator=True),
    StopCase("payload +50 % in swing-up", 0.4, StopReason.INNOVATION, payload(0.5, 0.4)),
    StopCase("motor gain -40 % in swing-up", 0.4, StopReason.INNOVATION, gain(0.6, 0.4)),
    StopCase("motor gain -40 % in balance", 5.0, StopReason.INNOVATION, gain(0.6, 5.0)),
)
