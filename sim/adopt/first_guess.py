"""First numbers for a robot of which only the URDF is known: motors, limits, a pose to reach.

Derived from its inertia and weight so that the simulation is stable and the task possible; each is
to be replaced by a measured one.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass

import mujoco
import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.urdf.elements import UrdfJoint
from robot_mbrl.contract.urdf.tree import Urdf
from sim.adopt.believable_motor import BelievedMotor, believe_motors
from sim.adopt.joint_scale import JointScale, scale_of

LOADS = 4.0
"""An unknown effort, a stall torque, is this many loads: a quarter of it is what servos can do for
long (SO-101: 2.9 N m for .8 N m), and a servo that carries more sags by much."""
LEAST_WEIGHTS = 0.25
"""An unknown effort is at least this share of the robot's weight at the joint's reach: a wrist
carries next to nothing, but has a motor like the rest."""
TIME_CONSTANT_S = 0.03
"""Of a motor without load, J w0 / tau0; gives the rotor's inertia, which no URDF has. XL330-M288
(data sheet, BAM): 1.8e-3 * 10.8 / .52 = 38 ms."""
MOST_ROTOR_KG_M2 = 10.0
"""What robot.toml takes."""
FRICTION_SHARE = 0.02
"""Of the effort: Coulomb friction of an STS3215 is 1.8 %, of an XL330-M288 2.5 % (both BAM)."""
FREE_FRICTION_SHARE = 0.005
"""Of its load: friction of a joint without a motor, so that it comes to rest. Ball bearings."""
COMMAND_SPEED_SHARE = 0.5
"""Of the no-load speed: what is left goes into carrying and accelerating."""
TIP_SPEED_M_S = 1.0
"""What a joint moves is no faster by command; a hand beside it gets out of the way."""
HOME_PER_S2, HOME_PER_S = 64.0, 12.0
"""Home gains by the inertia that a motor feels: 8 rad/s, damping ratio .75, the stiffest that some
50 ms between a motion and its answer allow; a set point of 1 rad/s makes them weak."""
HOME_LOADS, HOME_MOST_PER_S2 = 2.0, 160.0
"""Where that does not carry so many loads, friction among them, a rad: more, up to 13 rad/s."""
DAMPING_RATIO = 0.7
NUDGE, REST_STEPS, ROUNDS = 0.05, (0.03, 3e-3, 3e-4), 150
"""How a free joint is let fall: away from where it may balance, then down in ever finer steps."""
LEAST_LOAD = 1e-9
"""In N m or N: less is rounding."""
POSES = 64
HOLD_SHARE = 0.7
"""Of the effort may be needed to hold the pose that the task asks for."""


@dataclass(frozen=True)
class JointGuess:
    """First numbers of one joint; of a slider in m and N.

    Attributes:
        joint: what the URDF says.
        passive: whether no motor moves it; what is said of motors then means nothing.
        low_rad, high_rad: its ends, infinite where it wraps.
        home_rad: 0, or the middle where 0 is out of reach; of a passive joint where it rests.
        velocity_limit_rad_s: of the supervisor.
        target_rad: of the task.
        effort_nm, effort_known: the motor's stall torque, and whether the URDF has it.
        speed_rad_s, speed_known: its no-load speed.
        rotor_kg_m2: reflected to the joint.
        command_speed_rad_s: at which a position command moves.
        friction_nm: Coulomb friction of the joint, a share of the effort where the URDF has none.
        stiffness_nm_rad, damping_nm_s_rad: of a position servo.
        home_nm_rad, home_nm_s_rad: gains of the way home by torques.
        load_nm: the most that weight asks of it, over random poses.
    """

    joint: UrdfJoint
    passive: bool
    low_rad: float
    high_rad: float
    home_rad: float
    target_rad: float
    velocity_limit_rad_s: float
    effort_nm: float
    effort_known: bool
    speed_rad_s: float
    speed_known: bool
    command_speed_rad_s: float
    friction_nm: float
    rotor_kg_m2: float
    stiffness_nm_rad: float
    damping_nm_s_rad: float
    home_nm_rad: float
    home_nm_s_rad: float
    load_nm: float

    @property
    def wraps(self) -> bool:
        """Whether the joint turns for ever."""
        return self.joint.kind == "continuous"

    @property
    def scale(self) -> JointScale:
        """What is usual for its kind."""
        return scale_of(self.joint)


def soft_margin(urdf: Urdf, scale: JointScale) -> float:
    """Margin of the soft limits of hinges or sliders: less where one of them has little room."""
    room = [
        j.limit_rad[1] - j.limit_rad[0]
        for j in urdf.moving
        if j.kind != "continuous" and scale_of(j) is scale
    ]
    return float(f"{min([scale.margin, *(0.1 * r for r in room)]):.2g}")


def guess_joints(
    urdf: Urdf, model: mujoco.MjModel, passive: Collection[str] = ()
) -> tuple[JointGuess, ...]:
    """First numbers for every joint that moves, in the order of `urdf.moving`.

    Args:
        urdf: the robot.
        model: the same, compiled without motors.
        passive: names of the joints without a motor.
    """
    joints = urdf.moving
    scales, free = [scale_of(j) for j in joints], np.array([j.name in passive for j in joints])
    margin = np.array([soft_margin(urdf, scale) for scale in scales])
    low, high = np.array([ends(j) for j in joints]).T
    inside = (low + margin <= 0) & (high - margin >= 0)
    home = np.array(
        [0.0 if ok else _round((a + b) / 2) for ok, a, b in zip(inside, low, high, strict=True)]
    )
    body = _Body(urdf, model)
    home = np.array([_round(x) for x in body.rest(home, free, low + margin, high - margin)])
    load, inertia = body.worst_load(home, low, high), body.inertia(home)
    motors = believe_motors(urdf)
    effort = np.array([motors[j.name].effort_nm for j in joints])
    effort_known = np.isfinite(effort)
    likely = LEAST_WEIGHTS * np.array([motors[j.name].weight_nm for j in joints])
    acceleration = np.array([scale.acceleration for scale in scales])
    needed = np.maximum(LOADS * load + acceleration * inertia, likely)
    effort = np.where(effort_known, effort, [_round(max(t, 1e-3)) for t in needed])
    step = np.array([0.0 if f else s.step for f, s in zip(free, scales, strict=True)])
    strength = np.where(free, np.inf, HOLD_SHARE * effort)
    target = body.holdable_pose(home, low + margin, high - margin, strength, step)
    speeds = np.array([motors[j.name].speed_rad_s for j in joints])
    speeds_known = np.isfinite(speeds)
    speeds = np.where(speeds_known, speeds, [scale.speed for scale in scales])
    rotors = np.minimum(TIME_CONSTANT_S * effort / speeds, MOST_ROTOR_KG_M2)
    felt = body.free_inertia(home, np.where(free, 0.0, rotors))
    guesses = []
    for k, joint in enumerate(joints):
        motor, speed, rotor = motors[joint.name], float(speeds[k]), float(rotors[k])
        stiffness = effort[k] / scales[k].full_at
        critical = 2 * math.sqrt(stiffness * (inertia[k] + rotor))
        guesses.append(
            JointGuess(
                joint=joint,
                passive=bool(free[k]),
                low_rad=low[k],
                high_rad=high[k],
                home_rad=home[k],
                target_rad=target[k],
                velocity_limit_rad_s=_free_speed(load[k], inertia[k], scales[k])
                if free[k]
                else 1.5 * speed,
                effort_nm=effort[k],
                effort_known=bool(effort_known[k]),
                speed_rad_s=speed,
                speed_known=bool(speeds_known[k]),
                command_speed_rad_s=_command_speed(speed, motor, scales[k]),
                friction_nm=joint.friction_nm or _friction(joint, effort[k], load[k], free[k]),
                rotor_kg_m2=rotor,
                stiffness_nm_rad=stiffness,
                # back-EMF, effort / speed, damps as well
                damping_nm_s_rad=max(0.0, DAMPING_RATIO * critical - effort[k] / speed),
                home_nm_rad=_home_gain(felt[k], load[k] + FRICTION_SHARE * effort[k]),
                home_nm_s_rad=HOME_PER_S * felt[k],
                load_nm=load[k],
            )
        )
    return tuple(guesses)


def ends(joint: UrdfJoint) -> tuple[float, float]:
    """Limits of a joint in rad, of a slider in m, infinite where it wraps."""
    return (-math.inf, math.inf) if joint.kind == "continuous" else joint.limit_rad


def _command_speed(speed: float, motor: BelievedMotor, scale: JointScale) -> float:
    """What a servo can follow under load, and a hand at its reach can get away from."""
    tip = TIP_SPEED_M_S / motor.reach_m
    return _round(min(scale.command_speed, COMMAND_SPEED_SHARE * speed, tip))


def _free_speed(load: float, inertia: float, scale: JointScale) -> float:
    """Velocity limit of a joint without a motor: well above what falling through its lowest point
    gives a pendulum, 2 sqrt(m g l / I)."""
    return _round(max(scale.free_speed, 6 * math.sqrt(load / inertia)))


def _friction(joint: UrdfJoint, effort: float, load: float, free: bool) -> float:
    if not free:
        return _round(FRICTION_SHARE * effort)
    return 0.0 if joint.damping_nm_s_rad else _round(FREE_FRICTION_SHARE * load)


def _home_gain(inertia: float, load: float) -> float:
    """Position gain in N m / rad of a motor that feels this inertia and this load."""
    least = HOME_PER_S2 * inertia
    return max(least, min(HOME_LOADS * load, HOME_MOST_PER_S2 * inertia))


def _round(value: float) -> float:
    return float(f"{value:.2g}")


class _Body:
    """What weight and inertia ask of the joints."""

    def __init__(self, urdf: Urdf, model: mujoco.MjModel) -> None:
        self._model, self._data = model, mujoco.MjData(model)
        joints = [model.joint(j.name) for j in urdf.moving]
        self._qpos = np.array([j.qposadr[0] for j in joints])
        self._dof = np.array([j.dofadr[0] for j in joints])

    def load(self, q: FloatArray) -> FloatArray:
        """Torque (J,) in N m that holds positions q (J,) in rad, without its sign."""
        return np.abs(self._weight(q))

    def _weight(self, q: FloatArray) -> FloatArray:
        self._data.qpos[self._qpos] = q
        mujoco.mj_forward(self._model, self._data)
        weight: FloatArray = self._data.qfrc_bias[self._dof].copy()
        return weight

    def rest(
        self, q: FloatArray, free: np.ndarray, low: FloatArray, high: FloatArray
    ) -> FloatArray:
        """Where the free joints (J,) of bool come to rest, the others staying at q (J,)."""
        if not free.any():
            return q
        # an upright pole stands for ever, and what weighs nothing stays anywhere
        nudged = np.clip(np.where(free, q + NUDGE, q), low, high)
        falls = free & (self.load(nudged) > LEAST_LOAD)
        q = np.where(falls, nudged, q)
        for step in REST_STEPS:
            for _ in range(ROUNDS):
                q = np.where(falls, np.clip(q - step * np.sign(self._weight(q)), low, high), q)
        return np.where(falls & (np.abs(q) < 2 * REST_STEPS[-1]), 0.0, q)

    def worst_load(self, home: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
        """The largest load of each joint (J,) in N m over random poses."""
        rng = np.random.default_rng(0)
        low, high = np.maximum(low, home - np.pi), np.minimum(high, home + np.pi)
        loads = [self.load(rng.uniform(low, high)) for _ in range(POSES)]
        worst: FloatArray = np.max([self.load(home), *loads], axis=0)
        return worst

    def inertia(self, q: FloatArray) -> FloatArray:
        """Diagonal of the mass matrix (J,)."""
        diagonal: FloatArray = np.diag(self._mass_matrix(q))
        return diagonal

    def free_inertia(self, q: FloatArray, rotors: FloatArray) -> FloatArray:
        """What each motor has to accelerate where the other joints give way, with its rotor, (J,)
        in kg m2."""
        free: FloatArray = 1 / np.diag(np.linalg.inv(self._mass_matrix(q) + np.diag(rotors)))
        return free

    def _mass_matrix(self, q: FloatArray) -> FloatArray:
        self.load(q)
        full = np.zeros((self._model.nv, self._model.nv))
        mujoco.mj_fullM(self._model, self._data, full)
        turning: FloatArray = full[np.ix_(self._dof, self._dof)]
        return turning

    def holdable_pose(
        self,
        home: FloatArray,
        low: FloatArray,
        high: FloatArray,
        torque: FloatArray,
        most: FloatArray,
    ) -> FloatArray:
        """A pose up to `most` (J,) from home, towards the farther end, less if too heavy to
        hold."""
        up = high - home >= home - low
        room = np.where(up, high - home, home - low)
        step = np.where(up, 1.0, -1.0) * np.minimum(most, 0.5 * room)
        for share in (1.0, 0.5, 0.25, 0.1):
            pose: FloatArray = home + share * step
            if (self.load(pose) <= torque).all():
                break
        return np.array([_round(p) for p in pose])
