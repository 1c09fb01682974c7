"""Success and return over scripted episodes."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from robot_mbrl.envs.episodes import evaluate, record_worlds

HOLD = 3  # ticks at the goal that make a success


class Scripted:
    """Worlds whose only column says whether they are at the goal; `ends` is each world's last tick.

    As the real one it resets in the step in which it ends: what follows the end belongs to another
    episode, in which every world is at the goal and earns 100.
    """

    robot_spec = SimpleNamespace(control=SimpleNamespace(rate_hz=10.0))

    def __init__(self, scripts: list[str], terminated: list[bool]) -> None:
        self.scripts, self.terminated = scripts, np.array(terminated)
        self.tick, self.seed = 0, None

    def _goal(self, world: int, tick: int) -> float:
        script = self.scripts[world]
        return float(script[tick] == "g") if tick < len(script) else 1.0

    def reset(self, *, seed: int, options: Any = None) -> tuple[np.ndarray, dict[str, Any]]:
        self.tick, self.seed = 0, seed
        return np.zeros((len(self.scripts), 1)), {}

    def step(self, action: np.ndarray) -> tuple[Any, ...]:
        worlds = range(len(self.scripts))
        last = np.array([[self._goal(w, self.tick)] for w in worlds])
        done = np.array([self.tick == len(s) - 1 for s in self.scripts])
        over = np.array([self.tick >= len(s) for s in self.scripts])
        obs = np.where(done[:, None], 1.0, last)
        info = {"final_obs": last, "_final_obs": done} if done.any() else {}
        self.tick += 1
        reward = np.where(over, 100.0, 1.0 + action[:, 0])
        ended = done & self.terminated
        return obs, reward, ended, done & ~self.terminated, info


TASK: Any = SimpleNamespace(hold_s=HOLD / 10, at_goal=lambda obs: obs[:, 0] > 0.5)


@pytest.mark.parametrize(
    ("script", "terminated", "success"),
    [
        ("...ggg", False, True),
        ("....gg", False, False),
        (
            "ggggg.",
            False,
            False,
        ),  # the last tick decides, though the next episode starts at the goal
        ("gg.ggg", False, True),
        ("ggg.gg", False, False),
        ("gggggg", True, False),
        ("......", False, False),
    ],
)
def test_success_is_holding_the_goal_until_the_end(
    script: str, terminated: bool, success: bool
) -> None:
    env = Scripted([script, "........."], [terminated, False])  # another world goes on for longer
    report = evaluate(env, lambda obs: np.zeros((2, 1)), seed=4, task=TASK)
    assert report.success.tolist() == [success, False]
    assert report.terminated.tolist() == [terminated, False]
    assert report.returns.tolist() == [6.0, 9.0]
    assert env.seed == 4


def test_summary_is_made_of_means() -> None:
    env = Scripted(["ggg", "...", "gg", "ggggg"], [False, True, False, False])
    report = evaluate(env, lambda obs: np.full((4, 1), 0.5), seed=0, task=TASK)
    assert report.summary == {
        "success": 0.5,
        "return": 1.5 * (3 + 3 + 2 + 5) / 4,
        "terminated": 0.25,
        "episodes": 4.0,
    }


def test_recorded_worlds_end_with_their_true_last_observation() -> None:
    """World 1 ends first; what it does after its reset belongs to another episode."""
    env = Scripted(["..g..", "gg.", "....g"], [False, True, False])
    episodes = record_worlds(env, lambda obs: np.full((3, 2), 0.5), seed=4)
    assert env.seed == 4
    assert [s.obs[:, 0].tolist() for s in episodes] == [
        [0, 0, 0, 1, 0, 0],
        [0, 1, 1, 0],
        [0, 0, 0, 0, 0, 1],
    ]
    assert [s.action.shape for s in episodes] == [(5, 2), (3, 2), (5, 2)]


class BlowsUp(Scripted):
    """World 0 blows up in its third tick."""

    def step(self, action: np.ndarray) -> tuple[Any, ...]:
        *shown, info = super().step(action)
        first = np.arange(len(self.scripts)) == 0
        return *shown, info | {"unstable": first & (self.tick == 3)}


def test_a_world_that_blew_up_is_no_success_and_its_last_tick_no_data() -> None:
    scripts = ["ggg", "ggggg"]
    env = BlowsUp(scripts, [False, False])
    report = evaluate(env, lambda obs: np.zeros((2, 1)), seed=0, task=TASK)
    assert report.success.tolist() == [False, True]
    assert not report.terminated.any()
    env = BlowsUp(scripts, [False, False])
    segments = record_worlds(env, lambda obs: np.zeros((2, 1)), seed=0)
    assert [len(segment) for segment in segments] == [2, 5]
