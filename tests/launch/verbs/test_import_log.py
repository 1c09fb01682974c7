"""`import-log` drops nothing in silence."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from launch.main import main
from tests.data.formats.test_csv_import import sine, write_csv


def run(capsys: pytest.CaptureFixture[str], *csvs: Path) -> tuple[int, str, dict[str, Any]]:
    out = str(csvs[0].parent / "out")
    args = ["import-log", "--robot", "simple_pendulum", "--out", out, "--json", "--csv"]
    code = main([*args, *map(str, csvs)])
    printed = capsys.readouterr()
    return code, printed.out + printed.err, json.loads(printed.out.splitlines()[-1])


@pytest.mark.parametrize("rate_hz", [25.0, 20.0, 17.0])
def test_a_slow_log_is_laid_on_the_grid(
    rate_hz: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Half the control rate and less: every tick, where a few or none were kept."""
    code, text, result = run(capsys, write_csv(tmp_path / "a.csv", sine(rate_hz, 8.0)))
    [episode] = result["episodes"]
    assert code == 0
    assert episode["ticks"] == episode["possible_ticks"] > 395
    assert episode["learned_ticks"] == episode["ticks"] - 1 and not episode["dropped"]
    assert f"{episode['ticks']} of {episode['ticks']} ticks" in text
    assert "actions are what was measured" in text


@pytest.mark.parametrize("rate_hz", [16.0, 10.0, 1.0])
def test_nothing_to_keep_is_an_error(
    rate_hz: float, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = write_csv(tmp_path / "good.csv", sine())
    code, text, _ = run(capsys, good, write_csv(tmp_path / "a.csv", sine(rate_hz, 8.0)))
    assert code == 1
    assert "a.csv: 0 of 400 ticks can be kept" in text or "a.csv: 0 of 399 ticks" in text
    assert f"{rate_hz:g} Hz; the robot is controlled at 50 Hz" in text and "60 ms" in text
    assert ("time_unit" in text) == (rate_hz == 1.0)
    assert not (tmp_path / "out").exists(), "nor is the other file written"


def test_what_is_left_out_is_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = sine(100.0, 4.0)
    time = rows[:, 0]
    alone = np.abs(time - 2.0) < 1e-6
    rows = rows[(time < 1.0) | (time > 3.0 - 1e-6) | alone]
    rows[20:24, 3] = 9.0  # N m, the limit is 3.2
    csv = write_csv(tmp_path / "a.csv", rows)
    csv.write_text(csv.read_text() + "4.01,0.5")
    code, text, result = run(capsys, csv)
    [episode] = result["episodes"]
    assert code == 0 and episode["rows"] == len(rows) and episode["possible_ticks"] == 200
    assert episode["ticks"] == 49 + 50
    assert episode["over_limit_ticks"] == 2 and episode["segments"] == 3
    for part in (
        "99 of 200 ticks",
        "left out: the last row, which is cut short",
        "left out: 2.010 s in 2 gaps, steps of more than 60 ms (the longest 1.010 s after 0.990 s)",
        "left out: 1 rows between them",
        "not to learn from: 2 commands beyond the limit",
    ):
        assert part in text
    assert len(episode["dropped"]) == 3


def test_the_columns_of_any_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    csv = write_csv(tmp_path / "a.csv", sine(), "t_ms,angle,v,torque")
    code, text, _ = run(capsys, csv)
    assert code == 1 and "no column for joint 'pendulum'" in text and "--columns" in text
    (tmp_path / "map.toml").write_text('time_unit = "s"\n[positions]\npendulum = "angle"\n')
    args = ["import-log", "--robot", "simple_pendulum", "--csv", str(csv)]
    args += ["--columns", str(tmp_path / "map.toml"), "--out", str(tmp_path / "out")]
    assert main(args) == 0
    assert "100 of 100 ticks" in capsys.readouterr().out
