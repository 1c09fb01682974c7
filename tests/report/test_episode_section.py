"""The episodes of a report: none is hidden, stops are seen first, swinging shows."""

import re
from pathlib import Path

import numpy as np
import pytest

from robot_mbrl.contract import load_robot
from robot_mbrl.data import Episode
from robot_mbrl.report import run_figures
from robot_mbrl.report.episode_section import MOST_DRAWN, draw_order, episode_section, episode_table
from robot_mbrl.report.html import Table, draw_table
from robot_mbrl.runs.run_folder import RunFolder
from robot_mbrl.tasks import make_task
from tests.support.episodes import make_episode

SPEC = load_robot("furuta")
TASK = make_task(SPEC)


def episode(stop_reason: str | None, action: float = 0.5, ticks: int = 6) -> Episode:
    return make_episode(SPEC, np.full((ticks, 1), action), stop_reason=stop_reason)


def deployments() -> dict[str, Episode]:
    """As of the demo: of 8 episodes zero-shot the last 4 were stopped, of 8 finetuned none."""
    zero_shot = ["finished"] * 4 + ["limit_position", "innovation", None, "limit_velocity"]
    first = {f"zero/{k}.mcap": episode(reason) for k, reason in enumerate(zero_shot)}
    return first | {f"finetuned/{k}.mcap": episode("finished") for k in range(8)}


def test_every_episode_is_listed_and_every_stopped_one_drawn_before_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_figures, "episode_figure", lambda *_: "<svg/>")
    parts = episode_section(deployments(), SPEC, TASK, RunFolder(tmp_path))
    table, drawn = parts[1], re.findall(r"<summary>(.*?)</summary>", "".join(parts))
    assert len(re.findall(r"(?:zero|finetuned)/\d\.mcap", table)) == 16
    assert drawn[:4] == [
        "zero/4.mcap: limit_position",
        "zero/5.mcap: innovation",
        "zero/6.mcap: cut: no footer",
        "zero/7.mcap: limit_velocity",
    ]
    assert len(drawn) == MOST_DRAWN
    assert "12 of 16 are drawn" in "".join(parts)


def test_no_folder_is_left_out_because_another_has_many() -> None:
    order = draw_order({n: e for n, e in deployments().items() if e.stop_reason == "finished"})
    assert order[:4] == ["zero/0.mcap", "finetuned/0.mcap", "zero/1.mcap", "finetuned/1.mcap"]


def test_what_cannot_be_drawn_is_listed(tmp_path: Path) -> None:
    shown = {"a/short.mcap": episode("link_lost", ticks=1), "a/long.mcap": episode("finished")}
    parts = episode_section(shown, SPEC, TASK, RunFolder(tmp_path))
    assert "short.mcap" in parts[1]
    assert sum(part.count("<svg") for part in parts) == 2  # an episode, the timing
    assert draw_order(shown) == ["a/long.mcap"]


def test_the_table_shows_size_and_swing_also_at_the_goal() -> None:
    """Upright for the last three of six ticks, and swinging there."""
    swing = np.array([0.5, 0.5, 0.5, 0.1, -0.1, 0.1])[:, None]
    layout_size = deployments()["zero/0.mcap"].observations.shape[1]
    found = make_episode(SPEC, swing, observations=np.zeros((6, layout_size)))

    class Upright:
        def at_goal(self, obs: np.ndarray) -> np.ndarray:
            return np.arange(6)[-len(obs) :] >= 3

        def __getattr__(self, name: str) -> object:
            return getattr(TASK, name)

    table = episode_table({"a/b.mcap": found}, Upright())  # type: ignore[arg-type]
    motor, limit, rate = SPEC.actuators[0].name, SPEC.actuators[0].limit, SPEC.control.rate_hz
    assert table.head[-2:] == (f"RMS ({motor}, V)", f"swing ({motor}, V/s)")
    rms, per_s = table.rows[0][-2:]
    assert rms.split(" / ")[1] == f"{0.1 * limit:.3g}"
    assert per_s.split(" / ")[1] == f"{0.2 * limit * rate:.3g}"
    assert per_s.split(" / ")[0] == f"{(0.4 + 0.2 + 0.2) / 5 * limit * rate:.3g}"


def test_no_number_where_the_goal_never_holds() -> None:
    rms, per_s = episode_table({"a/b.mcap": episode("finished")}, TASK).rows[0][-2:]
    assert rms.endswith(" / -") and per_s == "0 / -"


@pytest.mark.parametrize("end", ["limit_position", "innovation", "operator", "cut: no footer"])
def test_every_kind_of_stop_is_red(end: str) -> None:
    page = draw_table(Table(("episode", "end"), (("a", end), ("b", "finished"))))
    assert f"<td class=bad>{end}</td>" in page and "<td>finished</td>" in page
