"""[randomization] as a table for people: what is drawn when, from where to where, in physical
units."""

from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract.description.operations import Conversion, conversion
from robot_mbrl.contract.description.quantities import nominal_quantities
from robot_mbrl.contract.description.spec import RobotSpec
from robot_mbrl.contract.parameters.variation import Variation
from robot_mbrl.contract.parameters.vocabulary import is_scale

SIGN = {"scale": "x ", "add": "+ ", "set": ""}


@dataclass(frozen=True)
class RandomizationRow:
    """One parameter that varies.

    Attributes:
        parameter: its path.
        distribution: "uniform", "log-uniform" or "normal".
        operation: "scale", "add" or "set".
        drawn: the range as robot.toml has it, with mean and standard deviation of a normal one.
        when: "build", "reset", "interval" with its seconds, or "step".
        group: drawn together with; with the correlation unless that is 1.
        nominal, physical: nominal value and range with their unit; "" where there is none.
    """

    parameter: str
    distribution: str
    operation: str
    drawn: str
    when: str
    group: str
    nominal: str
    physical: str


def randomization_rows(spec: RobotSpec) -> tuple[RandomizationRow, ...]:
    """One row for each parameter of [randomization], in its order."""
    quantities = nominal_quantities(spec)
    rows = []
    for path, variation in spec.randomization.items():
        quantity = quantities[path]
        known = bool(np.isfinite(quantity.value))
        scale = quantity.value if is_scale(path) else 1.0
        low, high = variation.low * scale, variation.high * scale
        rows.append(
            RandomizationRow(
                parameter=path,
                distribution=variation.distribution,
                operation=variation.operation,
                drawn=_drawn(variation, conversion(path, variation.operation, quantity)),
                when=_when(variation),
                group=_group(variation),
                nominal=f"{quantity.value:.4g} {quantity.unit}" if known else "",
                physical=f"{low:.4g} to {high:.4g} {quantity.unit}" if known else "",
            )
        )
    return tuple(rows)


def _drawn(variation: Variation, convert: Conversion) -> str:
    low, high = convert.to_stated(variation.low), convert.to_stated(variation.high)
    text = f"{SIGN[variation.operation]}{low:.4g} to {high:.4g}"
    if variation.distribution != "normal":
        return text
    return (
        f"{text}, {convert.to_stated(variation.mean):.4g} +- {variation.std / convert.factor:.4g}"
    )


def _when(variation: Variation) -> str:
    if variation.every_s is None:
        return variation.when
    shortest, longest = variation.every_s
    span = f"{shortest:g} s" if shortest == longest else f"{shortest:g} to {longest:g} s"
    return f"{variation.when}, {span}"


def _group(variation: Variation) -> str:
    if not variation.group or variation.correlation == 1.0:
        return variation.group
    return f"{variation.group} {variation.correlation:+g}"
