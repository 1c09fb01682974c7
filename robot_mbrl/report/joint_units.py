"""Units in which pages show joints: degrees of a hinge, millimetres of a slider."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class ShownUnit:
    """How positions in rad or m are shown.

    Attributes:
        factor: to multiply them by.
        name: of the unit, on axes.
        sign: behind a number.
        what: is measured in it, on axes.
    """

    factor: float
    name: str
    sign: str
    what: str


SHOWN = {
    "rad": ShownUnit(180 / math.pi, "deg", "°", "angle"),
    "m": ShownUnit(1000.0, "mm", " mm", "place"),
}
"""By the unit of the joint's position, see `JointSpec.unit`."""


def axis_label(units: Sequence[str], what: str = "") -> str:
    """The label of an axis that shows joints of these units, "rad" and "m"."""
    shown = [SHOWN[unit] for unit in dict.fromkeys(units)]
    return ", ".join(f"{what or unit.what} ({unit.name})" for unit in shown)


def common_error(error: float, units: Sequence[str]) -> str:
    """A root mean square over all joints of a robot, whose units may differ."""
    kinds = set(units)
    if len(kinds) > 1:
        return f"{error:.4f} rad and m"
    [shown] = [SHOWN[unit] for unit in kinds]
    return f"{shown.factor * error:.2f}{shown.sign}"
