"""Figures of learning: medians over seeds at the steps they share, and files that are something
else."""

import json
from pathlib import Path

import numpy as np
import pytest

from launch.studies.curves import Settings, draw_results, series
from robot_mbrl.contract.errors import DataError


def run(seed: int, *returns: float) -> dict[str, object]:
    curve = [
        {"steps": 100.0 * (k + 1), "cpu_s": 2.0 * (k + 1) + seed, "return": r, "least": r - 1}
        for k, r in enumerate(returns)
    ]
    return {"seed": seed, "curve": curve}


def write(path: Path, agent: str, env: str = "Pendulum-v1") -> Path:
    runs = [run(0, -9.0, -3.0), run(1, -7.0, -1.0), run(2, -8.0, -2.0, 5.0)]
    path.write_text(json.dumps({"env": env, "agent": agent, "runs": runs}))
    return path


def test_medians_are_of_the_steps_that_all_seeds_have() -> None:
    s = series([run(0, -9.0, -3.0), run(1, -7.0, -1.0), run(2, -8.0, -2.0, 5.0)], "return")
    np.testing.assert_array_equal(s["steps"], [100.0, 200.0])
    np.testing.assert_array_equal(s["cpu_s"], [3.0, 5.0])
    np.testing.assert_array_equal(s["median"], [-8.0, -2.0])
    np.testing.assert_array_equal(s["least"], [-9.0, -3.0])
    np.testing.assert_array_equal(s["most"], [-7.0, -1.0])


def test_a_figure_names_both_agents_and_both_axes(tmp_path: Path, capsys) -> None:
    files = (write(tmp_path / "a.json", "mbpo"), write(tmp_path / "b.json", "sac"))
    result = draw_results(Settings(runs=files, out=tmp_path / "new" / "f.svg"))
    text = Path(result["figure"]).read_text()
    for words in (
        "MBPO, 3 seeds",
        "SAC (stable-baselines3), 3 seeds",
        "CPU seconds",
        "Pendulum-v1",
    ):
        assert words in text
    assert "-3, -1, 5" in capsys.readouterr().out


def test_our_sac_is_not_called_the_reference(tmp_path: Path) -> None:
    files = (write(tmp_path / "b.json", "sac", "furuta"),)
    text = Path(draw_results(Settings(runs=files, out=tmp_path / "f.svg"))["figure"]).read_text()
    assert "SAC, 3 seeds" in text
    assert "stable-baselines3" not in text


def test_other_files_are_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"env": 1}')
    with pytest.raises(DataError, match=r"broken\.json: expected a JSON file that"):
        draw_results(Settings(runs=(broken,), out=tmp_path / "f.svg"))
    files = (write(tmp_path / "a.json", "mbpo"), write(tmp_path / "b.json", "sac", "Hopper-v5"))
    with pytest.raises(DataError, match="Hopper-v5, Pendulum-v1"):
        draw_results(Settings(runs=files, out=tmp_path / "f.svg"))
