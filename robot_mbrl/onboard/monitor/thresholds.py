"""The numbers of the monitors, and the increments that both monitor and calibration add up.

Statistics, K = 3 J + 1 of them: for each joint the innovation's bias upwards, its bias downwards
and its excess of z^2, then the ensemble's disagreement. Each is a one-sided CUSUM
S <- max(0, S + increment) (Page 1954), which waits for evidence to add up instead of asking a
single tick: at 99.9 % a tick, an alarm on single ticks is false every 20 s.
"""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.files.read_file import shown
from robot_mbrl.contract.files.toml_table import TomlTable

LEAST, MOST = 1e-12, 1e12
"""Of any number here: neither divides by zero nor is infinite when squared."""


@dataclass(frozen=True)
class MonitorThresholds:
    """Frozen configuration of the monitors; JSON in the controller's metadata.

    Attributes:
        z_scale: robust spread of the innovation on nominal data, per joint, J of them.
        slack: what |z| / z_scale may exceed zero by for ever, in sigma.
        square_slack: what z^2 may be for ever; 1 on nominal data.
        cap: largest |z| / z_scale that counts, so that no single tick can stop.
        disagreement_center: median of log disagreement on nominal data.
        disagreement_scale: robust spread of log disagreement.
        disagreement_slack: in units of disagreement_scale.
        limits: of the K statistics.
        evidence: sample size and the guarantee they give.
    """

    z_scale: tuple[float, ...]
    slack: float
    square_slack: float
    cap: float
    disagreement_center: float
    disagreement_scale: float
    disagreement_slack: float
    limits: tuple[float, ...]
    evidence: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse limits that one outlier could pass."""
        joints = len(self.z_scale)
        if len(self.limits) != 3 * joints + 1:
            raise DataError(f"thresholds: expected {3 * joints + 1} limits, got {len(self.limits)}")
        if np.any(np.asarray(self.limits) <= self.largest_increments()):
            raise DataError(
                f"thresholds: limits {self.limits} can be passed in a single tick; expected more "
                f"than {tuple(self.largest_increments())}"
            )

    def largest_increments(self) -> FloatArray:
        """What one tick can add at most, (K,)."""
        joints = len(self.z_scale)
        bias, square = self.cap - self.slack, self.cap**2 - self.square_slack
        last = self.cap - self.disagreement_slack
        return np.array([bias] * (2 * joints) + [square] * joints + [last])

    def increments(self, z: FloatArray, disagreement: FloatArray) -> FloatArray:
        """What ticks add to the statistics, (..., K), from z (..., J) and disagreement (...).

        NaN is "unknown" and adds nothing.
        """
        scaled = np.clip(z / np.asarray(self.z_scale), -self.cap, self.cap)
        log = np.log(np.maximum(disagreement, 1e-12))[..., None]
        known = (log - self.disagreement_center) / self.disagreement_scale
        parts = [
            scaled - self.slack,
            -scaled - self.slack,
            scaled**2 - self.square_slack,
            np.minimum(known, self.cap) - self.disagreement_slack,
        ]
        return np.nan_to_num(np.concatenate(parts, -1), nan=0.0)

    def name(self, k: int, joints: tuple[str, ...]) -> str:
        """What statistic k says, for people."""
        j = len(joints)
        if k >= 3 * j:
            return "disagreement of the ensemble"
        kind = ("faster than predicted", "slower than predicted", "unlike predicted")[k // j]
        return f"joint {joints[k % j]!r} moves {kind}"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    @classmethod
    def of_controller(cls, stored: dict[str, Any]) -> "MonitorThresholds | None":
        """The thresholds in a controller's metadata; None where it was exported without."""
        return cls.from_json(stored) if stored else None

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "MonitorThresholds":
        """The inverse of `to_json`; raises DataError naming what is missing or wrong."""
        if not isinstance(values, dict):
            raise DataError(f"thresholds: expected a JSON object, got {shown(values)}")
        missing = [f.name for f in fields(cls) if f.name not in values]
        if missing:
            raise DataError(f"thresholds: missing {', '.join(missing)}; calibrate and export again")
        table = TomlTable(values, "thresholds", error=DataError)
        positive = ("cap", "disagreement_scale")
        others = ("slack", "square_slack", "disagreement_center", "disagreement_slack")
        return cls(
            z_scale=table.numbers("z_scale", LEAST, MOST),
            limits=table.numbers("limits", LEAST, MOST),
            evidence=table.table("evidence").raw(),
            **{name: table.number(name, LEAST, MOST) for name in positive},
            **{name: table.number(name, -MOST, MOST) for name in others},
        )
