"""RobotSpec: everything that is known about a robot; `read_robot.py` reads it from a folder."""

import hashlib
import json
import math
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from robot_mbrl.contract.parameters.effects import (
    ACTUATOR_EFFECTS,
    GRAVITY_EFFECTS,
    JOINT_EFFECTS,
    LINK_EFFECTS,
    SENSOR_EFFECTS,
    SLIDE_EFFECTS,
    VOLTAGE_EFFECTS,
)
from robot_mbrl.contract.parameters.slide_words import slide_word
from robot_mbrl.contract.parameters.variation import Variation
from robot_mbrl.contract.parameters.vocabulary import JOINT_SCALES, LINK_SCALES, SCALES_OF
from robot_mbrl.contract.urdf.tree import read_urdf

COMMAND_UNITS = {
    "voltage": "V",
    "current": "A",
    "torque": "Nm",
    "velocity": "rad_s",
    "position": "rad",
}
"""What the motor of a hinge is commanded in, and the unit."""
SLIDE_COMMAND_UNITS = {
    "voltage": "V",
    "current": "A",
    "force": "N",
    "velocity": "m_s",
    "position": "m",
}
"""The same of a motor that moves a slider."""
JointKind = Literal["hinge", "slide"]

COMMAND_SPEED_SHARE, COMMAND_SPEED_RAD_S, COMMAND_SPEED_M_S = 0.2, 2.0, 0.25
"""A position command without a `command_speed_rad_s` moves at this share of its joint's velocity
limit, at most this fast: a hobby servo's profile, and no jump across the room."""


@dataclass(frozen=True)
class ControlSpec:
    """Rates and what the observation remembers.

    Attributes:
        rate_hz: control ticks per second.
        physics_rate_hz: integration steps per second, a multiple of `rate_hz`.
        action_history: number of past applied actions in the observation.
        observation_history: number of earlier measurements in the observation.
    """

    rate_hz: float
    physics_rate_hz: float
    action_history: int
    observation_history: int

    @property
    def dt(self) -> float:
        """Control period in s."""
        return 1.0 / self.rate_hz

    @property
    def substeps(self) -> int:
        """Physics steps in a control period."""
        return round(self.physics_rate_hz / self.rate_hz)


@dataclass(frozen=True)
class JointSpec:
    """A measured joint; see `robot.toml` for the meaning of each key.

    A joint of kind "slide" moves along its axis: its numbers are in m and m/s, its encoder counts
    are those of a metre, whatever the names here say.
    """

    name: str
    wraps: bool
    encoder_counts_per_rev: int
    position_limit_rad: tuple[float, float]
    velocity_limit_rad_s: float
    velocity_filter_hz: float
    home_rad: float = 0.0
    absolute_encoder: bool = False
    """it knows its zero after a power-up; an incremental one counts from where it is then"""
    kind: JointKind = "hinge"

    @property
    def unit(self) -> str:
        """Unit of its position: rad, or m of a slider; its velocity is in this per second."""
        return "m" if self.kind == "slide" else "rad"

    @property
    def rad_per_count(self) -> float:
        """Angle of one encoder count; of a slider the way in m."""
        turn = 1.0 if self.kind == "slide" else 2.0 * math.pi
        return turn / self.encoder_counts_per_rev

    def word(self, key: str) -> str:
        """This joint's word for a parameter that hinges call `key`: backlash_rad, backlash_m."""
        return slide_word(key) if self.kind == "slide" else key

    def path(self, key: str) -> str:
        """Path of a parameter of this joint that hinges call `key`."""
        return f"joints.{self.name}.{self.word(key)}"

    def initial(self, key: str) -> str:
        """Path of its initial state, `key` being "position_rad" or "velocity_rad_s"."""
        return f"initial.{self.name}.{self.word(key)}"


@dataclass(frozen=True)
class MotorSpec:
    """The model of what lies between a command and the joint torque.

    kind "dc_motor": tau = gear kt i with R i + L di/dt = V - gear kt w, the voltage-driven motor;
    without inductance i = (V - gear kt w) / R.
    kind "direct": the drive closes its own loop, tau = command (torque) or kt gear command
    (current).
    kind "servo": the drive closes a loop around the joint, tau = clip(stiffness (command - q) -
    damping w, +-torque_limit) for a position, clip(damping (command - w), +-torque_limit) for a
    velocity, less torque_limit w / no_load_speed, the back-EMF of the motor inside. All at the
    joint, behind the gear.

    On a slider the gear is the transmission, turns of the rotor in rad per metre, so that force =
    gear kt i and the rotor weighs rotor_inertia gear^2 in kg; what stands behind it is in N, N/m,
    N s/m and m/s, and without a motor's own side (torque or servo) gear is 1 and rotor_inertia the
    mass that it adds.
    """

    kind: str
    resistance_ohm: float
    torque_constant_nm_a: float
    gear_ratio: float
    rotor_inertia_kg_m2: float
    stiffness_nm_rad: float = 0.0
    damping_nm_s_rad: float = 0.0
    torque_limit_nm: float = math.inf
    no_load_speed_rad_s: float = math.inf
    inductance_h: float = 0.0


@dataclass(frozen=True)
class ActuatorSpec:
    """A motor: its joint, what it is commanded in, how far, and its model."""

    name: str
    joint: str
    command: str
    limit: float
    latency_ms: float
    motor: MotorSpec
    command_speed_rad_s: float = math.inf
    """as robot.toml states it, m/s of a slider; `RobotSpec.command_speeds_rad_s` is what holds"""
    kind: JointKind = "hinge"
    """what its joint is"""

    @property
    def unit(self) -> str:
        """Physical unit of the command."""
        return (SLIDE_COMMAND_UNITS if self.kind == "slide" else COMMAND_UNITS)[self.command]

    @property
    def nominal(self) -> dict[str, float]:
        """Nominal values of the motor's parameters, by the last word of their path."""
        keys = SCALES_OF[self.motor.kind] + ("inductance",) * (self.motor.inductance_h > 0)
        return dict.fromkeys(keys, 1.0) | {"latency_ms": self.latency_ms}


@dataclass(frozen=True)
class SensorSpec:
    """Nominal age and noise of the joint measurements."""

    latency_ms: float
    noise_counts: float


@dataclass(frozen=True)
class LinkSpec:
    """The wire to the robot; `hardware.protocols` knows which protocols there are."""

    protocol: str
    baudrate: int
    reply_timeout_ms: float


@dataclass(frozen=True)
class SafetySpec:
    """Limits of the supervisor, see `onboard/supervisor/` for how each is used."""

    soft_limit_margin_rad: float
    coast_ticks: int
    hold_ticks: int
    ramp_s: float
    watchdog_ms: float
    deadline_ms: float
    deadline_misses: int
    max_temperature_c: float
    false_stops_per_hour: float
    soft_limit_margin_m: float = 0.0
    """of sliders"""

    def margin(self, joint: JointSpec) -> float:
        """How far inside its position limits a joint's soft limits lie, in its own unit."""
        slides = joint.kind == "slide"
        return self.soft_limit_margin_m if slides else self.soft_limit_margin_rad


@dataclass(frozen=True)
class HomeSpec:
    """The way back to the start: a weak PD on each actuated joint until all joints rest.

    Gains are in command unit / rad and command unit s / rad, those of sliders per m. The speeds are
    those of the set point on the way, infinite where it is home at once. `joint_gains` are position
    and velocity gain of joints that have their own, by name.
    """

    position_gain: float
    velocity_gain: float
    position_tolerance_rad: float
    velocity_tolerance_rad_s: float
    timeout_s: float
    slide_position_gain: float = 0.0
    slide_velocity_gain: float = 0.0
    position_tolerance_m: float = 0.0
    velocity_tolerance_m_s: float = 0.0
    speed_rad_s: float = math.inf
    speed_m_s: float = math.inf
    joint_gains: dict[str, tuple[float, float]] = field(default_factory=dict)

    def gains(self, joint: JointSpec) -> tuple[float, float]:
        """Position and velocity gain of a joint, in command unit by its own."""
        if joint.name in self.joint_gains:
            return self.joint_gains[joint.name]
        if joint.kind == "slide":
            return self.slide_position_gain, self.slide_velocity_gain
        return self.position_gain, self.velocity_gain

    def tolerances(self, joint: JointSpec) -> tuple[float, float]:
        """How near home and how slow a joint at rest is, in its own unit and that per second."""
        if joint.kind == "slide":
            return self.position_tolerance_m, self.velocity_tolerance_m_s
        return self.position_tolerance_rad, self.velocity_tolerance_rad_s

    def speed(self, joint: JointSpec) -> float:
        """Speed of the set point of a joint, in its own unit / s."""
        return self.speed_m_s if joint.kind == "slide" else self.speed_rad_s


@dataclass(frozen=True)
class TaskSpec:
    """Name of the task (built in, or "module:Class") and its parameters; for a task with another
    goal in each episode also the names of its numbers, which end every observation, and the link
    whose origin is the tip; for one with parts, such as "arm", the joints that play them."""

    name: str
    parameters: dict[str, float | dict[str, float]]
    goal: tuple[str, ...] = ()
    tip: str = "tip"
    joints: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Calibration:
    """The measured offsets and parameters of one physical robot; `calibration.py` reads its file.

    Attributes:
        joint_offset_rad: true angle at which each joint's encoder shows 0, (J,); m of a slider.
        ranges: how each identified parameter varies, by path.
        raw: the file's contents, kept with what is learned from it.
    """

    joint_offset_rad: tuple[float, ...]
    ranges: dict[str, Variation]
    raw: dict[str, Any]


@dataclass(frozen=True)
class RobotSpec:
    """One robot.

    Attributes:
        folder: where robot.toml was read.
        links: moving links of the URDF, one a joint.
        randomization: how each varied parameter varies, by path.
        joint_offset_rad: measured offset of each joint, (J,); 0 without a calibration.
        calibration: contents of the calibration file that was applied; empty without one.
        effects: those that [effects] names or [randomization] varies, by path, see
            `contract.parameters.effects`.
    """

    name: str
    description: str
    folder: Path
    urdf: Path
    links: tuple[str, ...]
    control: ControlSpec
    joints: tuple[JointSpec, ...]
    actuators: tuple[ActuatorSpec, ...]
    sensor: SensorSpec
    link: LinkSpec
    safety: SafetySpec
    home: HomeSpec
    task: TaskSpec
    randomization: dict[str, Variation]
    joint_offset_rad: tuple[float, ...] = ()
    calibration: dict[str, Any] = field(default_factory=dict)
    effects: dict[str, float] = field(default_factory=dict)

    def joint_index(self, name: str) -> int:
        """Column of a joint in q."""
        return [j.name for j in self.joints].index(name)

    @property
    def actuated(self) -> tuple[int, ...]:
        """Joint column of each actuator."""
        return tuple(self.joint_index(a.joint) for a in self.actuators)

    @property
    def soft_limits(self) -> tuple[tuple[float, float], ...]:
        """Where commands outwards end, (J,): inside the position limits by the margin, by half of
        the range at most."""
        ends = []
        for joint in self.joints:
            low, high = joint.position_limit_rad
            margin = min(self.safety.margin(joint), (high - low) / 2)
            ends.append((low + margin, high - margin))
        return tuple(ends)

    @property
    def command_speeds_rad_s(self) -> tuple[float, ...]:
        """How fast each command may move towards what is asked, (A,): of a position command what
        robot.toml states, else `COMMAND_SPEED_SHARE` of its joint's velocity limit and at most
        `COMMAND_SPEED_RAD_S`, of a slider `COMMAND_SPEED_M_S`; infinite for other commands. One
        rule for simulators and supervisor.
        """
        speeds = []
        for actuator, j in zip(self.actuators, self.actuated, strict=True):
            slow = COMMAND_SPEED_SHARE * self.joints[j].velocity_limit_rad_s
            most = COMMAND_SPEED_M_S if actuator.kind == "slide" else COMMAND_SPEED_RAD_S
            default = min(slow, most) if actuator.command == "position" else math.inf
            stated = actuator.command_speed_rad_s
            speeds.append(stated if stated < math.inf else default)
        return tuple(speeds)

    @property
    def nominal(self) -> dict[str, float]:
        """Every physical parameter with its nominal value, by path: 1 for a scale, the robot's own
        number otherwise. Of the effects it holds only those that the description names."""
        found = {f"links.{link}.{key}": 1.0 for link in self.links for key in LINK_SCALES}
        found |= {f"joints.{j.name}.{key}": 1.0 for j in self.joints for key in JOINT_SCALES}
        for actuator in self.actuators:
            found |= {f"actuators.{actuator.name}.{k}": v for k, v in actuator.nominal.items()}
        found["sensors.latency_ms"] = self.sensor.latency_ms
        found["sensors.noise_counts"] = self.sensor.noise_counts
        for joint in self.joints:
            found[joint.initial("position_rad")] = joint.home_rad
            found[joint.initial("velocity_rad_s")] = 0.0
        return found | self.effects

    @property
    def possible_effects(self) -> dict[str, float]:
        """Every effect that this robot can have, with its neutral value, by path."""
        effects = {"hinge": JOINT_EFFECTS, "slide": SLIDE_EFFECTS}
        found = {f"joints.{j.name}.{k}": e for j in self.joints for k, e in effects[j.kind].items()}
        found |= {f"links.{link}.{k}": e for link in self.links for k, e in LINK_EFFECTS.items()}
        for actuator in self.actuators:
            words = ACTUATOR_EFFECTS | (VOLTAGE_EFFECTS if actuator.command == "voltage" else {})
            found |= {f"actuators.{actuator.name}.{k}": e for k, e in words.items()}
        found |= {f"sensors.{k}": e for k, e in SENSOR_EFFECTS.items()}
        found |= {f"gravity.{k}": e for k, e in GRAVITY_EFFECTS.items()}
        return {path: effect.neutral for path, effect in found.items()}

    def with_calibration(self, calibration: Calibration) -> "RobotSpec":
        """The same robot with measured joint offsets, randomized around what was identified."""
        return replace(
            self,
            joint_offset_rad=calibration.joint_offset_rad,
            randomization=self.randomization | calibration.ranges,
            calibration=calibration.raw,
        )

    @property
    def offsets_rad(self) -> dict[str, float]:
        """The measured offset of each joint, by its name; 0 without a calibration."""
        offsets = self.joint_offset_rad or (0.0,) * len(self.joints)
        return {j.name: offset for j, offset in zip(self.joints, offsets, strict=True)}

    @property
    def fingerprint(self) -> str:
        """Hash of all that a controller relies on: rate, histories, joints, actuators, task; 16 hex
        digits. How finely a simulator integrates is no concern of a controller."""
        text = json.dumps(self._relevant_to_controllers(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _relevant_to_controllers(self) -> dict[str, Any]:
        control = asdict(self.control)
        del control["physics_rate_hz"]
        joints = [asdict(j) for j in self.joints]
        for joint in joints:  # where a robot starts is no concern of a controller either
            del joint["home_rad"], joint["absolute_encoder"]
            if joint["kind"] == "hinge":  # as it was before there were sliders
                del joint["kind"]
        task = asdict(self.task)
        if not self.task.goal:
            del task["goal"], task["tip"]
        if not self.task.joints:
            del task["joints"]
        relevant = {
            "name": self.name,
            "control": control,
            "joints": joints,
            "actuators": [
                {"name": a.name, "joint": a.joint, "command": a.command, "limit": a.limit}
                | ({"speed": speed} if speed < math.inf else {})
                for a, speed in zip(self.actuators, self.command_speeds_rad_s, strict=True)
            ],
            "task": task,
        }
        if self.task.goal:  # a goal lies in space, and what is there depends on the links
            relevant["places"] = [
                [j.parent, j.child, j.origin_m.tolist(), j.rotation.tolist(), j.axis.tolist()]
                for j in read_urdf(self.urdf).joints
            ]
        return relevant
