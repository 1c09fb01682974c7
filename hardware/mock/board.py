"""A device without its protocol: time, driver stage, sensors, watchdog, heat and faults."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from hardware.mock.board_clock import BoardClock
from hardware.mock.fault_plan import FaultPlan
from hardware.mock.plant import Plant
from hardware.mock.sensing import CommandDelay, Encoders, Heat
from hardware.mock.wire import Wire
from robot_mbrl.contract.arrays import BoolArray, FloatArray
from robot_mbrl.contract.description.reality import Reality
from robot_mbrl.contract.description.spec import RobotSpec
from robot_mbrl.contract.interface import LATCHED_FAULTS, Fault
from robot_mbrl.contract.observation.neutral_command import neutral_command

TICK_S = 1e-3  # of the firmware: sampling, watchdog, driver stage
OVERTEMPERATURE_C = 100.0
UNDERVOLTAGE_SUPPLY = 0.6  # share of the nominal supply
_ROUNDING = 1e-6  # of a tick: 20 ticks of 1 ms are 20 ms; of a limit: a float32 is not beyond it


class Device(Protocol):
    """The device's end of a protocol: a board, and the bytes it takes and gives."""

    @property
    def board(self) -> "Board":
        """What the protocol is the face of."""

    def receive(self, data: bytes) -> None:
        """Take bytes from the host, at the board's time; whole requests are answered."""

    def transmit(self) -> bytes:
        """Bytes that have left for the host by the board's time."""


@dataclass(frozen=True)
class Event:
    """A line of the device's log."""

    time_s: float
    text: str


class Board:
    """A machine as `reality` says, with the electronics that every device has.

    Time is the board's own, from 0 at power-up; `advance_to` moves it, everything else happens at
    the time reached. The drive follows commands with the reality's latency, but is cut at once by
    `stop`, `clear_faults`, the watchdog and faults. What "off" and "enabled" mean stands in
    `robot_mbrl.contract.interface`.

    Attributes:
        plan: what fails now.
        clock: the device's own, as its replies show it.
        wire: to the host.
        events: the device's log.
        time_s: now.
        faults: bits of the contract's `Fault`; a protocol has its own for them.
        powered: which motors have torque now (A,); all or none, by `enable`.
        command: in force (A,), physical units; the neutral command where there is no power.
        drive: the command that the motors follow now (A,), after latency.
        heat: of the motors.
        sample: counts encoder samples; stands still when the sampler does.
        watchdog_s: longest time without a command; 0 while disabled.
    """

    def __init__(
        self, spec: RobotSpec, plant: Plant, reality: Reality, rng: np.random.Generator
    ) -> None:
        """Power up at time 0."""
        self.spec, self.plant, self.reality, self.rng = spec, plant, reality, rng
        self.plan = FaultPlan(coming=reality.failures)
        self.clock = BoardClock(self.plan)
        self.wire = Wire(
            _request_loss(spec, reality), reality.effect("sensors.lost_share"), self.plan, rng
        )
        self.events: list[Event] = []
        self.time_s = 0.0
        self.faults = Fault.NOT_ENABLED
        self.limits = np.array([a.limit for a in spec.actuators])
        self.powered = np.zeros(len(spec.actuators), dtype=bool)
        self.command = np.zeros(len(spec.actuators))
        self.drive = np.zeros(len(spec.actuators))
        self.heat = Heat(spec)
        self.sample = 0
        self.watchdog_s = 0.0
        self._ticks = 0
        self._fed_s = 0.0
        self._delays = [CommandDelay() for _ in spec.actuators]
        self._encoders = Encoders(spec, reality, TICK_S)
        # a position servo turns to where its own encoder shows what is asked
        self._shift = neutral_command(spec, self._encoders.zero_rad)
        self._counts: tuple[int, ...] = ()
        self._load_parameters()
        plant.reset(rng)
        self._measure()

    @property
    def echo(self) -> FloatArray:
        """The command (A,) that a reply says is in force."""
        return self.command * self.plan.echo_share

    @property
    def temperatures_c(self) -> FloatArray:
        """The temperatures (A,) that a reply shows."""
        lost = np.full_like(self.heat.celsius, np.nan)
        return lost if self.plan.lose_temperature else self.heat.celsius

    @property
    def enabled(self) -> bool:
        """Whether commands are applied."""
        return Fault.NOT_ENABLED not in self.faults

    def advance_to(self, time_s: float) -> None:
        """Let board and plant live until `time_s`; earlier times change nothing."""
        while (self._ticks + 1) * TICK_S <= time_s + _ROUNDING * TICK_S:
            self._tick()
        self.time_s = max(self.time_s, time_s)

    def enable(self, watchdog_s: float) -> bool:
        """Allow drive under this watchdog; False where a latched fault or its period forbids it."""
        if self.faults & LATCHED_FAULTS or watchdog_s <= 0:
            return False
        self._cut()  # what was in force before is over: every motor begins at rest
        self.powered = np.ones_like(self.powered)
        self.faults = Fault(0)
        self.watchdog_s = watchdog_s
        self._fed_s = self.time_s
        self._log(f"enabled, watchdog {1e3 * watchdog_s:g} ms")
        return True

    def stop(self) -> None:
        """Remove drive and disable."""
        if self.enabled:
            self._log("stopped by host")
        self._cut()
        self.faults |= Fault.STOPPED

    def clear_faults(self) -> None:
        """Remove drive, disable, and reset latched faults whose cause is gone."""
        self._cut()
        self.faults = Fault.NOT_ENABLED
        self._log("faults cleared")
        self._supervise()

    def reboot(self) -> None:
        """Lose power for a moment: disabled, clock and counter at 0, incremental encoders too."""
        self._encoders.power_up()
        self._shift = neutral_command(self.spec, self._encoders.zero_rad)
        self._cut()
        self.faults = Fault.NOT_ENABLED
        self.clock.restart(self.time_s)
        self.sample = 0
        self._log("powered up")

    def take_command(self, values: FloatArray) -> None:
        """Clamp, drive and feed the watchdog; values (A,) in physical units.

        Values that are not finite, or another number of them, are a fault.
        """
        if not self.enabled:
            return
        if values.shape != self.limits.shape or not np.isfinite(values).all():
            self.trip(Fault.COMMAND_REJECTED)
            return
        self.faults &= ~Fault.COMMAND_CLAMPED
        if (np.abs(values) > self.limits * (1 + _ROUNDING)).any():
            self.faults |= Fault.COMMAND_CLAMPED
        self.command = np.clip(values, -self.limits, self.limits)
        self._fed_s = self.time_s
        for a, delay in enumerate(self._delays):
            jitter_s = self._jitter_s[a]
            late = self.rng.uniform(-jitter_s, jitter_s) if jitter_s else 0.0
            due_s = self.time_s + max(0.0, self._latency_s[a] + late)
            delay.push(float(self.command[a]), due_s)

    def counts(self) -> tuple[int, ...]:
        """Encoder counts (J,) as a reply shows them, with the noise of this reading."""
        still = self.plan.freeze_encoders or self.plan.dead_encoders
        if not (still and self._counts):
            self._counts = self._encoders.counts(self._noise_counts, self.rng)
        return self._counts

    def trip(self, fault: Fault) -> None:
        """Latch a fault: drive off until `clear_faults`."""
        if fault not in self.faults:
            self._log(f"fault {fault.name}: drive off")
        self._cut()
        self.faults |= fault

    def _tick(self) -> None:
        self.drive = np.array([d.value(self.time_s) for d in self._delays])
        self.plant.drive(self.drive + self._shift, self.powered)
        self.plant.advance(TICK_S)
        self._ticks += 1
        self.time_s = max(self.time_s, self._ticks * TICK_S)
        if self._changes and self._changes[0] <= self.time_s:
            self._load_parameters()
        if self.plan.coming:
            self.plan.advance_to(self.time_s)
        if self.plan.reboot:
            self.plan.reboot = False
            self.reboot()
        self.heat.advance(self.drive, self._encoders.newest_rad, self.powered, TICK_S)
        self._measure()
        self._supervise()

    def _load_parameters(self) -> None:
        values = self.reality.parameters_at(self.time_s)
        paths = [f"actuators.{a.name}." for a in self.spec.actuators]
        self._latency_s = [values[p + "latency_ms"] * 1e-3 for p in paths]
        self._jitter_s = [self.reality.effect(p + "jitter_ms") * 1e-3 for p in paths]
        self._supply = min(values.get(p + "supply", 1.0) for p in paths)
        self._age_s = values["sensors.latency_ms"] * 1e-3
        self._noise_counts = values["sensors.noise_counts"]
        self._changes = [t for t in self.reality.event_times_s if t > self.time_s]

    def _measure(self) -> None:
        if self.plan.freeze_encoders:
            return
        self._encoders.sample(self.plant.positions(), self._age_s)
        self.sample += 1
        if not self.powered.all():
            self._rest(~self.powered)

    def _supervise(self) -> None:
        if self.enabled and self.time_s - self._fed_s >= self.watchdog_s:
            self.trip(Fault.WATCHDOG)
        if max(self.heat.celsius) > OVERTEMPERATURE_C:
            self.trip(Fault.OVERTEMPERATURE)
        if self._supply < UNDERVOLTAGE_SUPPLY:
            self.trip(Fault.UNDERVOLTAGE)
        if self.plan.lose_encoder:
            self.trip(Fault.ENCODER)

    def _rest(self, motors: BoolArray) -> None:
        """Give motors (A,) their neutral command, and drop what is on its way to them."""
        neutral = neutral_command(self.spec, self._encoders.newest_rad)
        self.command = np.where(motors, neutral, self.command)
        self.drive = np.where(motors, neutral, self.drive)
        for a in np.flatnonzero(motors):
            self._delays[a].cut(float(neutral[a]))

    def _cut(self) -> None:
        self.powered = np.zeros_like(self.powered)
        self._rest(~self.powered)
        self.plant.drive(self.drive + self._shift, self.powered)
        self.faults = (self.faults | Fault.NOT_ENABLED) & ~Fault.COMMAND_CLAMPED
        self.watchdog_s = 0.0

    def _log(self, text: str) -> None:
        self.events.append(Event(self.time_s, text))


def _request_loss(spec: RobotSpec, reality: Reality) -> float:
    """One packet commands all actuators: the worst of them counts."""
    return max(reality.effect(f"actuators.{a.name}.lost_share") for a in spec.actuators)
