"""The supervisor: SafeRobot stands between every controller and a machine, and trusts neither.

    DISARMED --arm--> ARMED --send--> RAMPING --ramp_s--> RUNNING <--> HOLDING
        ^                                any state --stop--> STOPPED (latched)
        +------------------------------- reset ------------------+

Nothing but a SafeRobot calls a robot's `send`. Without fresh samples it degrades in steps:
`coast_ticks` on the last good sample, `hold_ticks` with the neutral command, then drive off. A stop
has a named reason and leaves only by `reset`.
"""

from contextlib import suppress

import numpy as np

from robot_mbrl.contract import (
    Clock,
    Command,
    ObservationLayout,
    Robot,
    RobotSpec,
    RobotState,
)
from robot_mbrl.contract.arrays import FloatArray, check_shape
from robot_mbrl.contract.errors import (
    DeviceFault,
    LinkError,
    LinkTimeout,
    NotFiniteError,
    SafetyError,
)
from robot_mbrl.contract.interface import Enabled
from robot_mbrl.contract.stop_reason import StopReason
from robot_mbrl.data.tick import TickFlag
from robot_mbrl.onboard.supervisor.command.braking import Braking
from robot_mbrl.onboard.supervisor.command.position_commands import PositionCommands
from robot_mbrl.onboard.supervisor.command.ramp import Ramp
from robot_mbrl.onboard.supervisor.command.stopping_power import StoppingPower
from robot_mbrl.onboard.supervisor.deadlines import Deadlines
from robot_mbrl.onboard.supervisor.device.checks import DeviceChecks
from robot_mbrl.onboard.supervisor.device_clock import DeviceClock
from robot_mbrl.onboard.supervisor.freshness import Freshness
from robot_mbrl.onboard.supervisor.latched_robot import LatchedRobot, SafetyState
from robot_mbrl.onboard.supervisor.limit_recovery import LimitRecovery
from robot_mbrl.onboard.supervisor.limits import check_sample, cut_outward
from robot_mbrl.onboard.supervisor.speed import SpeedCheck
from robot_mbrl.onboard.timing.pacing import Period

COUNTED = ("clamped", "soft_limit", "braked", "coasted", "held", "missed", "clock")


class SafeRobot(LatchedRobot):
    """A robot that can only be driven within its limits.

    `read`, `check_timing` and `send` raise the error of the stop reason after the drive is off.
    Leaving the context stops and closes the robot on every path.

    Attributes:
        state: see the module.
        reason, message: why it stopped; None and "" before that.
        error: what was raised for it, if it was raised.
        flags: `TickFlag` bits of the current tick, started anew by `read`.
        counts: how often something was clamped, cut, braked, coasted, held or missed, and how often
            the device's clock was corrected.
    """

    def __init__(self, robot: Robot, spec: RobotSpec, clock: Clock) -> None:
        """Take over `robot`; it is not moved before `arm` and `send`."""
        super().__init__(robot, spec, clock)
        self.flags = TickFlag(0)
        self.counts = dict.fromkeys(COUNTED, 0)
        self._device = DeviceChecks(spec)
        self._power = StoppingPower.from_spec(spec)
        self._forget()

    def _forget(self) -> None:
        self._samples = Freshness(self.spec)
        self._ramp = Ramp(self.spec)
        self._braking = Braking(self.spec, self._power)
        self._positions = PositionCommands(self.spec)
        self._send_failures = 0
        self._deadlines = Deadlines(self.spec)
        self._device_clock = DeviceClock(self.spec.control.dt)
        self._speed = SpeedCheck(self.spec)
        self._applied = np.zeros(len(self.spec.actuators))
        self._layout = ObservationLayout.from_spec(self.spec)
        self._recovery: LimitRecovery | None = None
        self._device.restart()

    # --- entering and leaving -----------------------------------------------------------------

    def arm(self, *, homing: bool = False) -> RobotState:
        """Allow motion after a healthy sample; returns it.

        With `homing`, a joint that is beyond its position limit now may be pulled inwards, weakly
        and slowly, see LimitRecovery; once inside, its limit holds again. Everything else stops as
        ever.

        Raises SafetyError when stopped or already armed, or the error of what is wrong.
        """
        if self.state is not SafetyState.DISARMED:
            raise SafetyError(
                f"robot {self.spec.name!r} cannot be armed while {self.state.value}"
                + (f" ({self._explanation()}); find the cause, then reset()" if self.reason else "")
            )
        self._forget()
        asked_s = self.clock.now()
        state = self._first_sample()
        if homing and np.isfinite(state.q_rad).all():
            self._recovery = LimitRecovery(self.spec, state.q_rad)
        self._check(state)
        if not state.fresh:
            self._trip(StopReason.STALE, "the first sample is not fresh")
        self._check_reach(state)
        state = self._in_time(state, asked_s)
        self._speed.update(state, believed=True)
        self._samples.keep(state, self.clock.now())
        self._braking.see(state)
        self._deadlines.read_at(self.clock.now())
        self._applied = self._layout.hold(np.asarray(state.q_rad))
        self.state = SafetyState.ARMED
        return state

    def reset(self, *, zeroed: bool = False) -> None:
        """Leave STOPPED, see LatchedRobot; samples and ramp are forgotten.

        After a restart of the device `zeroed` says that its incremental encoders show 0 where they
        shall; without that the robot is still refused.
        """
        super().reset()
        self._forget()
        if zeroed:
            self._device.zeroed()

    # --- one tick -----------------------------------------------------------------------------

    def read(self) -> RobotState:
        """The newest sample, or the last good one with fresh=False while coasting or holding.

        Raises the error of the stop reason; SafetyError when not armed.
        """
        self._require_armed("read")
        self.flags = TickFlag(0)
        lost: LinkError | None = None
        state: RobotState | None = None
        asked_s = self.clock.now()
        self._deadlines.read_at(asked_s)
        try:
            state = self._robot.read()
        except DeviceFault as error:
            self._trip(StopReason.DEVICE_FAULT, str(error), error)
        except LinkError as error:
            lost = error
        if state is None:
            return self._miss(StopReason.LINK_LOST, f"no sample: {lost}", lost)
        self._check(state)
        state = self._in_time(state, asked_s)
        if not self._samples.is_fresh(state, self.clock.now()):
            return self._miss(StopReason.STALE, f"sample {state.sequence} stands still", None)
        self._samples.keep(state, self.clock.now())
        self._braking.see(state)
        fault = self._speed.update(state, self._device_clock.believed)
        if self._recovery and not fault:
            fault = self._recovery.update(state)
        if fault:
            self._trip(*fault)
        if self.state is SafetyState.HOLDING:
            # The machine was let go: come back as softly as from the start.
            self.state = SafetyState.RAMPING
            self._ramp.restart()
        return state

    def check_timing(self, period: Period) -> None:
        """Check whether this tick is on time, see Deadlines; raises DeadlineMissed.

        To be called once for each tick, after `read`.
        """
        self._require_armed("check_timing")
        misses = self._deadlines.misses(period)
        self.counts["missed"] += misses
        if misses:
            self.flags |= TickFlag.DEADLINE_MISSED
        fault = self._deadlines.violation(period)
        if fault:
            self._trip(*fault)

    def guard(self, action: FloatArray) -> FloatArray:
        """What may be sent of an action (A,): finite, clamped, within soft limits, stoppable,
        ramped; a position command within its speed, and last of all within its limits.

        Raises NotFiniteError after stopping.
        """
        check_shape("action", action, (len(self.spec.actuators),))
        if not np.isfinite(action).all():
            self._trip(StopReason.NON_FINITE, f"the action is {action}")
        q = self._pose()
        if self.state is SafetyState.HOLDING:
            self.flags |= TickFlag.HELD
            self.counts["held"] += 1
            return self._positions.next(np.zeros_like(action), q, 0.0)
        clamped = np.clip(action, -1.0, 1.0)
        cut = cut_outward(self.spec, q, clamped)
        kept = self._braking.restrict(cut, self.clock.now())
        self.counts["clamped"] += int((clamped != action).any())
        self.counts["soft_limit"] += int((cut != clamped).any())
        self.counts["braked"] += int((kept != cut).any())
        if self._recovery:
            kept = self._recovery.restrict(kept)
        share = self._ramp_share()
        softened = self._ramp.scale(kept, share)
        slowed = self._recovery.speed_share if self._recovery else 1.0
        sent = self._positions.next(softened, q, share * slowed)
        if (kept != action).any() or (sent != softened).any():
            self.flags |= TickFlag.CLAMPED
        return sent

    def send(self, action: FloatArray) -> FloatArray:
        """Guard and send an action (A,); returns what the machine confirmed, (A,) in [-1, 1].

        A lost confirmation is bridged like a lost sample (flag SEND_FAILED; the last confirmed
        action is returned). Raises the error of the stop reason; SafetyError when not armed.
        """
        self._require_armed("send")
        fault = self._deadlines.too_old(self.clock.now())
        if fault:
            self._trip(*fault)
        allowed = self.guard(action)
        try:
            sent = self._robot.send(Command(self.codec.to_physical(allowed)))
        except DeviceFault as error:
            self._trip(StopReason.DEVICE_FAULT, str(error), error)
        except NotFiniteError as error:
            self._trip(StopReason.NON_FINITE, str(error), error)
        except LinkError as error:
            # The next read decides whether the link is lost: it counts the ticks without a reply.
            self.flags |= TickFlag.SEND_FAILED
            self._send_failures += 1
            if self._send_failures > self.spec.safety.coast_ticks + self.spec.safety.hold_ticks:
                self._trip(StopReason.LINK_LOST, f"commands are not confirmed: {error}", error)
            self._positions.lose()
            return self._applied.copy()
        self._send_failures = 0
        applied = self.codec.to_action(np.asarray(sent.value, dtype=np.float64))
        if not np.isfinite(applied).all():
            self._trip(StopReason.NON_FINITE, f"the robot confirms {sent.value}")
        self._applied = applied
        self._positions.confirm(self.codec.to_physical(applied), self._pose())
        self._braking.sent(applied, self.clock.now())
        if fault := self._device.sent(allowed, applied):
            self._trip(*fault)
        return applied.copy()

    # --- inside -------------------------------------------------------------------------------

    def _first_sample(self) -> RobotState:
        """Enable the device and read; a lost reply or two is bridged as in `read`."""
        try:
            if isinstance(self._robot, Enabled):
                self._robot.arm()
            for _ in range(self.spec.safety.coast_ticks):
                with suppress(LinkTimeout):
                    return self._robot.read()
            return self._robot.read()
        except DeviceFault as error:
            self._trip(StopReason.DEVICE_FAULT, str(error), error)
        except LinkError as error:
            self._trip(StopReason.LINK_LOST, str(error), error)

    def _in_time(self, state: RobotState, asked_s: float) -> RobotState:
        """The sample on a time line without jumps, see DeviceClock."""
        corrected = self._device_clock.corrections
        state = self._device_clock.follow(state, asked_s, self.clock.now())
        self.counts["clock"] += self._device_clock.corrections - corrected
        return state

    def _ramp_share(self) -> float:
        """The place on the ramp, up to 1."""
        if self.state is SafetyState.RUNNING:
            return 1.0
        share = self._ramp.share(self.clock.now())
        self.state = SafetyState.RUNNING if share >= 1 else SafetyState.RAMPING
        if share < 1:
            self.flags |= TickFlag.RAMPING
        return share

    def _pose(self) -> FloatArray:
        """Positions (J,) of the last good sample; raises SafetyError where there is none."""
        if self._samples.last is None:
            raise SafetyError("guard: no sample has been read; call arm() and read() first")
        return self._samples.last.q_rad

    def _check_reach(self, state: RobotState) -> None:
        """A position servo can be armed only where a command can leave it where it is."""
        a = self._positions.unreachable(np.asarray(state.q_rad))
        if a is not None:
            actuator, j = self.spec.actuators[a], self.spec.actuated[a]
            place = f"{state.q_rad[j]:.3f} {self.spec.joints[j].unit}"
            self._trip(
                StopReason.LIMIT_POSITION,
                f"joint {actuator.joint!r} is at {place}, but commands of {actuator.name!r} reach "
                f"only {actuator.limit:g}: the first would make it jump; move it inside by hand",
            )

    def _check(self, state: RobotState) -> None:
        check_shape("q_rad", state.q_rad, (len(self.spec.joints),))
        tolerated = self._recovery.outside if self._recovery else None
        fault = self._device.sample(state) or check_sample(self.spec, state, tolerated)
        if fault:
            self._trip(*fault)

    def _miss(self, reason: StopReason, message: str, cause: Exception | None) -> RobotState:
        """Bridge a tick without a fresh sample, or stop when there were too many."""
        self.flags |= TickFlag.STALE
        bridge = self._samples.miss()
        if bridge is None:
            ticks = self._samples.missing
            self._trip(reason, f"{ticks} ticks without a fresh sample; {message}", cause)
        self.counts["coasted"] += 1
        if self._samples.hold:
            self.state = SafetyState.HOLDING
        return bridge
