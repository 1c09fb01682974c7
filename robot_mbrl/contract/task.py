"""The protocol of tasks: what rewards, ends and evaluates an episode."""

from typing import Any, Protocol

import numpy as np


class Task(Protocol):
    """Reward, termination and goal as functions of observations; `xp` is numpy or torch.

    A task with a goal of its own in each episode (`[task] goal`) also has `draw_goals(rng, size)`,
    (size, G). One that knows better than the observation what matters may have `features(obs, xp)`,
    (..., F): policy and value see them beside the observation. A task class that needs more of the
    robot than the layout is built by its `from_spec(spec, layout, **parameters)`.

    Attributes:
        episode_s: length of an episode in s.
        hold_s: how long `at_goal` must hold at the episode's end to count as success.
    """

    @property
    def episode_s(self) -> float:
        """Length of an episode in s."""

    @property
    def hold_s(self) -> float:
        """Final seconds during which `at_goal` must hold."""

    def reward(self, next_obs: Any, action: Any, xp: Any = np) -> Any:
        """Reward (...,)."""

    def terminated(self, next_obs: Any, xp: Any = np) -> Any:
        """Termination (...,) of bool."""

    def at_goal(self, obs: Any) -> Any:
        """Whether the state counts as reached, (...,) of bool."""
