"""Correlated noise for exploration, once for every room."""

import numpy as np

from robot_mbrl.contract.arrays import FloatArray

KEEP, RENEW = 0.8, 0.6
"""First-order noise of unit variance, n' = .8 n + .6 e: explores better than white noise."""


def correlated_noise(noise: FloatArray, rng: np.random.Generator) -> FloatArray:
    """The next sample of the process after `noise`, of the same shape."""
    return KEEP * noise + RENEW * rng.standard_normal(noise.shape)


class CorrelatedNoise:
    """Noise (A,) of standard deviation `sigma`, with its state inside."""

    def __init__(self, size: int, sigma: float, rng: np.random.Generator) -> None:
        self._sigma, self._rng = sigma, rng
        self._state = np.zeros(size)

    def reset(self) -> None:
        """Start anew from the stationary distribution."""
        self._state = self._rng.standard_normal(len(self._state))

    def sample(self) -> FloatArray:
        """The next value (A,)."""
        self._state = correlated_noise(self._state, self._rng)
        return self._sigma * self._state
