"""Scale, add, set: how a number in [randomization] acts on the robot's own value."""

import math
from dataclasses import dataclass

from robot_mbrl.contract.description.quantities import Quantity
from robot_mbrl.contract.parameters.variation import Operation
from robot_mbrl.contract.parameters.vocabulary import is_scale


@dataclass(frozen=True)
class Conversion:
    """What robot.toml says in `unit` -> the parameter's own number: offset + factor * said."""

    offset: float
    factor: float
    unit: str

    def own(self, said: float) -> float:
        """The parameter's own number."""
        return self.offset + self.factor * said

    def said(self, own: float) -> float:
        """As robot.toml says it."""
        return (own - self.offset) / self.factor


def conversion(path: str, operation: Operation, quantity: Quantity) -> Conversion:
    """Of an operation on a parameter whose nominal value is `quantity`; see `meaningless`."""
    scale = is_scale(path)
    if operation == "scale":
        return Conversion(0.0, 1.0 if scale else quantity.value, "")
    factor = 1.0 / quantity.value if scale else 1.0
    if operation == "set":
        return Conversion(0.0, factor, quantity.unit)
    return Conversion(1.0 if scale else quantity.value, factor, quantity.unit)


def meaningless(path: str, operation: Operation, quantity: Quantity) -> str:
    """Why an operation makes no sense for a parameter; "" where it does."""
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
