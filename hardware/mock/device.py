"""`MockDevice`: the firmware of protocol `mcu` around a plant; bytes in, bytes out, own time."""

from dataclasses import dataclass

import numpy as np

from hardware.mcu import messages
from hardware.mcu.frames import LATCHED, Fault, Frame, MessageType
from hardware.mcu.messages import Identity, State
from hardware.mock.plant import Plant
from hardware.mock.sensing import CommandDelay, Encoders, Heat
from hardware.mock.wire import Injection, Wire
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.description.reality import Reality
from robot_mbrl.contract.description.spec import RobotSpec
from robot_mbrl.contract.errors import FrameError

TICK_S = 1e-3  # of the firmware: sampling, watchdog, driver stage
FIRMWARE = "mock 1.0"
OVERTEMPERATURE_C = 100.0
UNDERVOLTAGE_SUPPLY = 0.6  # share of the nominal supply
_ROUNDING = 1e-6  # of a tick: 20 ticks of 1 ms are 20 ms


@dataclass(frozen=True)
class Event:
    """A line of the device's log."""

    time_s: float
    text: str


class MockDevice:
    """A device that behaves as `protocol.md` says, on a machine as `reality` says.

    Time is the device's own, from 0 at power-up; `advance_to` moves it, `receive` and `transmit`
    happen at the time reached. The drive follows commands with the reality's latency, but is cut at
    once by STOP, CLEAR, watchdog and faults.
    """

    def __init__(
        self, spec: RobotSpec, plant: Plant, reality: Reality, rng: np.random.Generator
    ) -> None:
        self.spec = spec
        self.reality = reality
        self.plant = plant
        self.injection = Injection()
        self.events: list[Event] = []
        self.time_s = 0.0
        self._ticks = 0
        self._rng = rng
        self._wire = Wire(reality.lost_frames, self.injection, rng)
        # as float32, like the commands: the limit itself must not count as beyond the limit
        limits = np.array([a.limit for a in spec.actuators], np.float32)
        self._limits = limits.astype(np.float64)
        self._command = np.zeros(len(spec.actuators))
        self._drive = np.zeros(len(spec.actuators))
        self._delays = [CommandDelay() for _ in spec.actuators]
        self._encoders = Encoders(spec, reality, TICK_S)
        self.heat = Heat(self._limits)
        self._faults = Fault.NOT_ENABLED
        self._watchdog_s = 0.0
        self._fed_s = 0.0
        self._sample = 0
        self._counts: tuple[int, ...] = ()
        self._load_parameters()
        plant.reset(rng)
        self._measure()

    @property
    def drive(self) -> FloatArray:
        """What the motors get now (A,), after latency."""
        return self._drive.copy()

    @property
    def faults(self) -> Fault:
        """Fault bits as STATE reports them."""
        return self._faults

    @property
    def next_reply_s(self) -> float:
        """When the next waiting reply leaves, infinity without one."""
        return self._wire.next_reply_s

    def advance_to(self, time_s: float) -> None:
        """Let the device and its plant live until `time_s`; earlier times change nothing."""
        while (self._ticks + 1) * TICK_S <= time_s + _ROUNDING * TICK_S:
            self._tick()
        self.time_s = max(self.time_s, time_s)

    def receive(self, data: bytes) -> None:
        """Take bytes from the host; whole frames are answered."""
        for frame in self._wire.requests(data):
            reply = self._answer(frame)
            if reply is not None:
                self._wire.post(reply, self.time_s)

    def transmit(self) -> bytes:
        """Bytes that have left for the host by now."""
        return self._wire.take(self.time_s)

    def _tick(self) -> None:
        self._drive = np.array([d.value(self.time_s) for d in self._delays])
        self.plant.drive(self._drive)
        self.plant.advance(TICK_S)
        self._ticks += 1
        self.time_s = max(self.time_s, self._ticks * TICK_S)
        if self._changes and self._changes[0] <= self.time_s:
            self._load_parameters()
        self.heat.advance(self._drive, TICK_S)
        self._measure()
        self._supervise()

    def _load_parameters(self) -> None:
        values = self.reality.parameters_at(self.time_s)
        names = [a.name for a in self.spec.actuators]
        self._latency_s = [values[f"actuators.{n}.latency_ms"] * 1e-3 for n in names]
        self._supply = min(values.get(f"actuators.{n}.supply", 1.0) for n in names)
        self._age_s = values["sensors.latency_ms"] * 1e-3
        self._noise_counts = values["sensors.noise_counts"]
        self._changes = [t for t in self.reality.event_times_s if t > self.time_s]

    def _measure(self) -> None:
        if self.injection.freeze_encoders:
            return
        self._encoders.sample(self.plant.positions(), self._age_s)
        self._sample += 1

    def _supervise(self) -> None:
        if self._enabled and self.time_s - self._fed_s >= self._watchdog_s:
            self._trip(Fault.WATCHDOG)
        if max(self.heat.celsius) > OVERTEMPERATURE_C:
            self._trip(Fault.OVERTEMPERATURE)
        if self._supply < UNDERVOLTAGE_SUPPLY:
            self._trip(Fault.UNDERVOLTAGE)
        if self.injection.lose_encoder:
            self._trip(Fault.ENCODER)

    @property
    def _enabled(self) -> bool:
        return Fault.NOT_ENABLED not in self._faults

    def _trip(self, fault: Fault) -> None:
        if fault not in self._faults:
            self._log(f"fault {fault.name}: drive off")
        self._cut()
        self._faults |= fault

    def _cut(self) -> None:
        self._command = np.zeros(len(self.spec.actuators))
        self._drive = np.zeros(len(self.spec.actuators))
        for delay in self._delays:
            delay.cut()
        self._faults = (self._faults | Fault.NOT_ENABLED) & ~Fault.COMMAND_CLAMPED
        self._watchdog_s = 0.0

    def _answer(self, frame: Frame) -> Frame | None:
        """Do what a request says and return the reply, None for what is no request."""
        try:
            match frame.type:
                case MessageType.HELLO:
                    return self._identity().pack(frame.sequence)
                case MessageType.READ:
                    pass
                case MessageType.COMMAND:
                    self._take_command(np.array(messages.unpack_command(frame)))
                case MessageType.ENABLE:
                    self._enable(messages.unpack_enable(frame))
                case MessageType.STOP:
                    self._stop()
                case MessageType.CLEAR:
                    self._clear()
                case _:
                    return None
        except FrameError:
            return None
        return self._state().pack(frame.sequence)

    def _take_command(self, values: FloatArray) -> None:
        if not self._enabled:
            return
        if values.shape != self._limits.shape or not np.isfinite(values).all():
            self._trip(Fault.COMMAND_REJECTED)
            return
        clamped = np.clip(values, -self._limits, self._limits)
        self._faults &= ~Fault.COMMAND_CLAMPED
        if (clamped != values).any():
            self._faults |= Fault.COMMAND_CLAMPED
        self._command = clamped
        self._fed_s = self.time_s
        jitter_s = self.reality.latency_jitter_ms * 1e-3
        for delay, value, latency in zip(self._delays, clamped, self._latency_s, strict=True):
            late = latency + (self._rng.uniform(-jitter_s, jitter_s) if jitter_s else 0.0)
            delay.push(float(value), self.time_s + max(0.0, late))

    def _enable(self, watchdog_ms: int) -> None:
        if self._faults & LATCHED or watchdog_ms < 1:
            return
        self._cut()
        self._faults = Fault(0)
        self._watchdog_s = watchdog_ms * 1e-3
        self._fed_s = self.time_s
        self._log(f"enabled, watchdog {watchdog_ms} ms")

    def _stop(self) -> None:
        if self._enabled:
            self._log("stopped by host")
        self._cut()
        self._faults |= Fault.STOPPED

    def _clear(self) -> None:
        self._cut()
        self._faults = Fault.NOT_ENABLED
        self._log("faults cleared")
        self._supervise()

    def _identity(self) -> Identity:
        return Identity(
            robot=self.spec.name,
            firmware=FIRMWARE,
            serial=f"MOCK-{self.reality.name}",
            watchdog_ms=round(self._watchdog_s * 1e3),
            counts_per_rev=tuple(j.encoder_counts_per_rev for j in self.spec.joints),
            units=tuple(a.unit for a in self.spec.actuators),
            limits=tuple(float(v) for v in self._limits),
        )

    def _state(self) -> State:
        if not (self.injection.freeze_encoders and self._counts):
            self._counts = self._encoders.counts(self._noise_counts, self._rng)
        return State(
            device_us=round(self.time_s * 1e6),
            sample=self._sample,
            faults=int(self._faults),
            counts=self._counts,
            applied=tuple(float(v) for v in self._command),
            temperature_c=tuple(float(v) for v in self.heat.celsius),
        )

    def _log(self, text: str) -> None:
        self.events.append(Event(self.time_s, text))
