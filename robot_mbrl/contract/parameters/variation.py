"""Variation of one parameter: its distribution, when it is drawn, and together with what."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np

from robot_mbrl.contract.arrays import FloatArray, Parameters

Distribution = Literal["uniform", "log-uniform", "normal"]
Operation = Literal["scale", "add", "set"]
When = Literal["build", "reset", "interval", "step"]

STANDARD = NormalDist()
_share_below = np.vectorize(STANDARD.cdf, otypes=[float])
_standard_quantile = np.vectorize(STANDARD.inv_cdf, otypes=[float])
SMALLEST = 1e-15  # a share of 0 or 1 is an infinite quantile


@dataclass(frozen=True)
class Variation:
    """Variation of one parameter. All numbers are the parameter's own, whatever the operation.

    Attributes:
        low, high: every draw lies within [low, high].
        distribution: over that range; "normal" is cut off at its ends.
        mean, std: of a normal distribution before it is cut off; else they mean nothing.
        when: drawn "build": once for each world, "reset": with each episode, "interval": at each
            reset and then every so often, "step": with each control tick.
        every_s: shortest and longest time between two draws of "interval", uniform in between.
        group: parameters of one group are drawn together; "" is drawn alone.
        correlation: with what the group has in common, -1 to 1 (of the normal scores: see
            `draw_score`); two members correlate by the product of theirs.
        operation: how robot.toml says it, for people.
    """

    low: float
    high: float
    distribution: Distribution = "uniform"
    mean: float = 0.0
    std: float = 1.0
    when: When = "reset"
    every_s: tuple[float, float] | None = None
    group: str = ""
    correlation: float = 1.0
    operation: Operation = "scale"

    def quantile(self, share: FloatArray) -> FloatArray:
        """The values (n,) that shares (n,) of all draws lie below."""
        if self.distribution == "log-uniform":
            low, high = np.log(self.low), np.log(self.high)
            exponent: FloatArray = low + (high - low) * share
            return np.exp(exponent)
        if self.distribution == "normal":
            return self._normal_quantile(share)
        value: FloatArray = self.low + (self.high - self.low) * share
        return value

    def _normal_quantile(self, share: FloatArray) -> FloatArray:
        below = STANDARD.cdf((self.low - self.mean) / self.std)
        within = STANDARD.cdf((self.high - self.mean) / self.std) - below
        score = _standard_quantile(np.clip(below + within * share, SMALLEST, 1 - SMALLEST))
        value: FloatArray = np.clip(self.mean + self.std * score, self.low, self.high)
        return value

    def centre(self, nominal: float) -> float:
        """The number that a range grows from: the mean of a normal distribution, else the nominal
        value as far as it lies within the range; without a nominal value (NaN) the middle."""
        middle = self.mean if self.distribution == "normal" else nominal
        if math.isnan(middle):
            return (self.low + self.high) / 2
        return min(max(middle, self.low), self.high)


class Draw:
    """One draw of several parameters for n worlds, so that groups share what they have in common.

    Args:
        rng: draws.
        size: n.
    """

    def __init__(self, rng: np.random.Generator, size: int) -> None:
        self._rng, self._size = rng, size
        self._common: dict[str, FloatArray] = {}

    def values(self, variation: Variation) -> FloatArray:
        """Values (n,) of one parameter."""
        if not variation.group:
            return variation.quantile(self._rng.uniform(size=self._size))
        return variation.quantile(_share_below(self._score(variation)))

    def _score(self, variation: Variation) -> FloatArray:
        """A standard normal number that correlates with the group's: a Gaussian copula with one
        factor, which leaves each distribution as it is (Nelsen 2006, section 2.3 and 4.8)."""
        if variation.group not in self._common:
            self._common[variation.group] = self._rng.standard_normal(self._size)
        r = variation.correlation
        own = self._rng.standard_normal(self._size)
        score: FloatArray = r * self._common[variation.group] + math.sqrt(1 - r * r) * own
        return score


def sample_parameters(
    variations: dict[str, Variation],
    nominal: dict[str, float],
    rng: np.random.Generator,
    size: int,
) -> Parameters:
    """Draw every parameter for `size` worlds; those without a variation keep their nominal
    value."""
    draw = Draw(rng, size)
    return {
        path: draw.values(variations[path]) if path in variations else np.full(size, value)
        for path, value in nominal.items()
    }
