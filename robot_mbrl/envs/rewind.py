"""Bring an environment back to where it was: the same start, then the same actions.

No state of any physics engine is read or written, so this holds for every environment whose only
chance is its `np_random`; one that draws elsewhere, or is a machine, is found out and refused.
"""

import zlib
from typing import Any

import numpy as np

from robot_mbrl.contract.errors import DataError

Start = dict[str, Any]
"""How an episode began, as JSON holds it: a seed, or the generator's state before the reset."""


def start_with(seed: int) -> Start:
    """The start of an episode that a seed decides."""
    return {"seed": seed}


def next_start(env: Any) -> Start:
    """The start that the environment's generator will draw next."""
    return {"generator": env.unwrapped.np_random.bit_generator.state}


def begin(env: Any, start: Start) -> np.ndarray:
    """Reset to a start; returns the observation (O,)."""
    if "generator" in start:
        env.unwrapped.np_random.bit_generator.state = start["generator"]
    obs: np.ndarray = env.reset(seed=start.get("seed"))[0]
    return obs


def mark(obs: np.ndarray) -> int:
    """A number by which an observation, as float32, is known again."""
    return zlib.crc32(np.asarray(obs, np.float32).tobytes())


def rewind(env: Any, start: Start, actions: list[list[float]], marks: list[int]) -> None:
    """Reset to `start` and repeat the T actions that were sent, float32.

    Raises DataError unless observations of the same marks (T + 1) come again.
    """
    again = [mark(begin(env, start))]
    again += [mark(env.step(np.array(action, np.float32))[0]) for action in actions]
    if again != marks:
        tick = next(k for k, (a, b) in enumerate(zip(again, marks, strict=False)) if a != b)
        raise DataError(
            f"resume: after the same {tick} actions the environment is not where it was, so it is "
            "not deterministic or not the same; start again, without the checkpoint"
        )
