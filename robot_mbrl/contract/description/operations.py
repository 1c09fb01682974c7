"""Scale, add, set: how a number in [randomization] acts on the robot's own value."""

import math
from dataclasses import dataclass

from robot_mbrl.contract.description.quantities import Quantity
from robot_mbrl.contract.parameters.variation import Operation
from robot_mbrl.contract.parameters.vocabulary import is_scale


@dataclass(frozen=True)
class Conversion:
    """Between a number as robot.toml states it, in `unit`, and the parameter's own number.

    The parameter's own number is offset + factor * stated.
    """

    offset: float
    factor: float
    unit: str

    def to_own(self, stated: float) -> float:
        """The parameter's own number."""
        return self.offset + self.factor * stated

    def to_stated(self, own: float) -> float:
        """The number that robot.toml states."""
        return (own - self.offset) / self.factor


def conversion(path: str, operation: Operation, quantity: Quantity) -> Conversion:
    """The conversion for an operation on a parameter whose nominal value is `quantity`.

    The operation must make sense, see `reason_against`.
    """
    scale = is_scale(path)
    if operation == "scale":
        return Conversion(0.0, 1.0 if scale else quantity.value, "")
    factor = 1.0 / quantity.value if scale else 1.0
    if operation == "set":
        return Conversion(0.0, factor, quantity.unit)
    return Conversion(1.0 if scale else quantity.value, factor, quantity.unit)


def reason_against(path: str, operation: Operation, quantity: Quantity) -> str:
    """The reason why an operation makes no sense for a parameter; "" where it does."""
    if not is_scale(path) and math.isnan(quantity.value) and operation != "set":
        return "what it is by default is not one number"
    if is_scale(path) == (operation == "scale"):
        return ""
    if path.startswith("links.") and path.endswith(".length"):
        return "a length scales every distance within its link"
    if operation in ("add", "set") and not is_scale(path):
        return ""
    if not 0 < quantity.value < float("inf"):
        return f"its nominal value is {quantity.value:g} {quantity.unit}, which nothing scales"
    return ""
