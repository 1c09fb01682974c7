"""The interactive window; where there is no screen, what it says. (Nothing here opens one.)"""

import contextlib
import time
from typing import Any

import mujoco
import numpy as np
import pytest

import sim
from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import SettingsError
from sim.rendering.viewer import Viewer


class Window:
    """What launch_passive returns, without a screen."""

    def __init__(self, model: mujoco.MjModel, data: mujoco.MjData, **_: Any) -> None:
        self.data, self.open, self.shown = data, True, []  # type: ignore[var-annotated]
        self.user_scn = mujoco.MjvScene(model, maxgeom=10)

    def is_running(self) -> bool:
        return self.open

    def lock(self) -> Any:
        return contextlib.nullcontext()

    def sync(self) -> None:
        self.shown.append((self.data.xpos.copy(), self.user_scn.ngeom))

    def close(self) -> None:
        self.open = False


@pytest.mark.parametrize("display", [None, ":99"])
def test_without_a_screen_it_says_so_and_does_not_hang(
    display: str | None, furuta: RobotSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("DISPLAY", raising=False)
    if display:
        monkeypatch.setenv("DISPLAY", display)  # nobody serves it
    with pytest.raises(SettingsError, match=r"no window can be opened here.*rgb_array"):
        sim.make_env(furuta, render_mode="human")


def test_each_step_is_shown_by_itself_in_real_time(furuta: RobotSpec) -> None:
    windows: list[Window] = []

    def launch(*arguments: Any, **settings: Any) -> Window:
        windows.append(Window(*arguments, **settings))
        return windows[0]

    viewer = Viewer(furuta, launch)
    env = sim.make_env(
        furuta, render_mode="human", draw=viewer.show, close_drawing=viewer.close, seed=0
    )
    start = time.monotonic()
    env.reset(seed=0)
    for _ in range(10):
        env.step(np.ones(1))
    assert time.monotonic() - start >= 10 * 0.02
    assert env.render() is None
    [window] = windows
    assert len(window.shown) == 11
    bodies = np.array([xpos for xpos, _ in window.shown])
    assert np.ptp(bodies, axis=0).max() > 1e-3, "it moves"
    window.open = False
    env.step(np.ones(1))  # closed by hand: the episode goes on
    assert len(window.shown) == 11
    env.close()


def test_a_goal_is_shown(furuta: RobotSpec) -> None:
    spec = load_robot("arm")
    windows: list[Window] = []
    viewer = Viewer(spec, lambda *a, **k: windows.append(Window(*a, **k)) or windows[0])
    viewer.show(np.zeros(5), np.array([0.1, 0.0, 0.2]))
    viewer.show(np.zeros(5))
    assert [marks for _, marks in windows[0].shown] == [1, 0]
    np.testing.assert_allclose(windows[0].user_scn.geoms[0].pos, [0.1, 0.0, 0.2], atol=1e-6)


def test_human_needs_something_that_shows(furuta: RobotSpec) -> None:
    with pytest.raises(SettingsError, match="'human' needs a draw function"):
        sim.make_env(furuta, render_mode="human", draw=None)
