"""A robot and a clock for tests: no sleeping, every fault on request, every call remembered."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from robot_mbrl.contract import Command, ObservationLayout, RobotSpec, RobotState
from robot_mbrl.contract.errors import LinkTimeout
from robot_mbrl.onboard import ControllerOutput


class LockstepClock:
    """Time moves only by waiting, or when a test says that something took long."""

    def __init__(self) -> None:
        self.time_s = 100.0
        self.oversleep_s = 0.0

    def now(self) -> float:
        return self.time_s

    def advance(self, seconds: float) -> None:
        self.time_s += seconds

    def wait_until(self, time_s: float) -> float:
        self.time_s = max(self.time_s, time_s) + self.oversleep_s
        self.oversleep_s = 0.0
        return self.time_s - time_s


class FakeRobot:
    """A machine at rest. `break_read` and `break_send` map the call number to a fault."""

    def __init__(self, spec: RobotSpec, clock: LockstepClock) -> None:
        self.spec, self.clock = spec, clock
        self.q = np.zeros(len(spec.joints))
        self.gain = 1.0
        self.reads = self.sends = self.stops = self.closes = 0
        self.sent: list[np.ndarray] = []
        self.log: list[object] = []
        self.applied = np.zeros(len(spec.actuators))
        self.frozen: RobotState | None = None
        self.change: Callable[[RobotState], RobotState] = lambda state: state
        self.break_read: Callable[[int], Exception | None] = lambda n: None
        self.break_send: Callable[[int], Exception | None] = lambda n: None

    def read(self) -> RobotState:
        self.reads += 1
        error = self.break_read(self.reads)
        if error is not None:
            raise error
        if self.frozen is not None:
            return self.frozen
        state = RobotState(
            q_rad=self.q.copy(),
            applied=self.applied.copy(),
            device_time_s=self.clock.now() - 90.0,
            host_time_s=self.clock.now(),
            sequence=round(self.clock.now() * 1e6),
            faults=0,
            temperature_c=np.full(len(self.spec.actuators), np.nan),
        )
        return self.change(state)

    def send(self, command: Command) -> Command:
        self.sends += 1
        error = self.break_send(self.sends)
        if error is not None:
            raise error
        self.sent.append(command.value.copy())
        self.log.append(command.value.copy())
        self.applied = self.gain * command.value
        return Command(self.applied.copy())

    def stop(self) -> None:
        self.stops += 1
        self.log.append("stop")
        self.applied = np.zeros_like(self.applied)

    def close(self) -> None:
        self.closes += 1
        self.log.append("close")


class FakeController:
    """Asks for a constant action and predicts that nothing changes."""

    def __init__(self, spec: RobotSpec, action: float = 0.5) -> None:
        self.layout = ObservationLayout.from_spec(spec)
        self.action = np.full(self.layout.action_size, action)
        self.std = 1.0
        self.calls = self.resets = 0
        self.before: Callable[[int], None] = lambda n: None
        self.disagreement = 0.1
        self.observations: list[np.ndarray] = []

    def reset(self) -> None:
        self.resets += 1

    def act(self, observation: np.ndarray) -> ControllerOutput:
        self.calls += 1
        self.before(self.calls)
        self.observations.append(observation.copy())
        return ControllerOutput(
            action=self.action.copy(),
            plan=np.zeros((3, self.layout.action_size), dtype=np.float32),
            predicted_mean=observation.copy(),
            predicted_std=np.full(self.layout.size, self.std),
            disagreement=np.full(3, self.disagreement),
            value=0.0,
            plan_time_s=0.001,
        )


def timeouts(*calls: int) -> Callable[[int], Exception | None]:
    """No reply to these calls."""
    return lambda n: LinkTimeout("no reply within 4 ms") if n in calls else None


def with_faults(bits: int) -> Callable[[RobotState], RobotState]:
    return lambda state: replace(state, faults=bits)
