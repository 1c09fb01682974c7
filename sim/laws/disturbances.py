"""What happens by chance in each control period: late and lost commands and samples, pushes."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray, Parameters
from robot_mbrl.contract.parameters.effects import effect_values, names_any
from sim.laws.per_world import PerWorld

PUSHED_JOINTS = ("pushes_per_s", "push_nm_s")
PUSHED_LINKS = ("pushes_per_s", "push_n_s")


@dataclass(frozen=True)
class Disturbance:
    """What happens by chance in one control period of B worlds.

    Attributes:
        command_late_ms: later than the latency, (B, A); may be negative.
        command_lost: whether the command never arrives, (B, A).
        sample_late_ms: older than the latency, (B, 1); may be negative.
        torque_nm: on the joints, all the period long, (B, J); in N on a slider.
        force_n: on the links' centres of mass in the world's frame, (B, L, 3).
    """

    command_late_ms: FloatArray
    command_lost: np.ndarray
    sample_late_ms: FloatArray
    torque_nm: FloatArray
    force_n: FloatArray

    def of(self, worlds: np.ndarray) -> Self:
        """The same of some worlds, by index (n,)."""
        return type(self)(*(getattr(self, field.name)[worlds] for field in fields(self)))


class Disturbances(PerWorld):
    """Disturbances of B worlds: how likely and how strong; drawn anew for each control period.

    Pushes come as a Poisson process, at most one in a period; their impulse is uniform up to its
    size, either way at a joint and in any direction at a link.

    Args:
        spec: the robot.
        num_worlds: B.
    """

    drawn = (
        *("_command_jitter", "_command_loss", "_sample_jitter"),
        *("_joint_rate", "_joint_size", "_link_rate", "_link_size"),
    )

    def __init__(self, spec: RobotSpec, num_worlds: int) -> None:
        self._actuators = [f"actuators.{a.name}." for a in spec.actuators]
        self._joints = [f"joints.{j.name}." for j in spec.joints]
        self._pushes = [j.path("push_nm_s") for j in spec.joints]
        self._links = [f"links.{link}." for link in spec.links]
        self._dt = spec.control.dt
        self._command_jitter, self._command_loss = np.zeros((2, num_worlds, len(self._actuators)))
        self._sample_jitter = np.zeros((num_worlds, 1))
        self._joint_rate, self._joint_size = np.zeros((2, num_worlds, len(self._joints)))
        self._link_rate, self._link_size = np.zeros((2, num_worlds, len(self._links)))

    @staticmethod
    def needed(parameters: dict[str, float]) -> bool:
        """Whether anything happens by chance."""
        return (
            names_any(parameters, "actuators", ("jitter_ms", "lost_share"))
            or names_any(parameters, "sensors", ("jitter_ms",))
            or names_any(parameters, "joints", PUSHED_JOINTS)
            or names_any(parameters, "links", PUSHED_LINKS)
        )

    def set_parameters(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Give worlds `ids` (n,) parameters (n,) each."""
        columns = (
            (self._command_jitter, self._actuators, "jitter_ms"),
            (self._command_loss, self._actuators, "lost_share"),
            (self._sample_jitter, ["sensors."], "jitter_ms"),
            (self._joint_rate, self._joints, "pushes_per_s"),
            (self._joint_size, self._pushes, ""),
            (self._link_rate, self._links, "pushes_per_s"),
            (self._link_size, self._links, "push_n_s"),
        )
        for array, things, key in columns:
            for k, thing in enumerate(things):
                array[ids, k] = effect_values(parameters, thing + key, len(ids))

    def draw(self, rng: np.random.Generator) -> Disturbance:
        """What happens in the next control period."""

        def either_way(size: FloatArray) -> FloatArray:
            return size * rng.uniform(-1.0, 1.0, size.shape)

        pushed = rng.random(self._joint_rate.shape) < -np.expm1(-self._joint_rate * self._dt)
        impulse = np.where(pushed, either_way(self._joint_size), 0.0)
        hit = rng.random(self._link_rate.shape) < -np.expm1(-self._link_rate * self._dt)
        blow = np.where(hit, self._link_size * rng.random(hit.shape), 0.0)
        direction = rng.standard_normal((*hit.shape, 3))
        direction /= np.linalg.norm(direction, axis=-1, keepdims=True)
        return Disturbance(
            command_late_ms=either_way(self._command_jitter),
            command_lost=rng.random(self._command_loss.shape) < self._command_loss,
            sample_late_ms=either_way(self._sample_jitter),
            torque_nm=impulse / self._dt,
            force_n=blow[..., None] * direction / self._dt,
        )
