"""The line of runs that a run comes from."""

from types import SimpleNamespace

import numpy as np

from robot_mbrl.analysis import lineage_error
from robot_mbrl.analysis.lineage_error import TICKS, measure_lineage_error
from robot_mbrl.data.windows import Windows
from robot_mbrl.runs.lineage import ancestors
from robot_mbrl.runs.run_folder import RunFolder
from tests.support.coasting import biased, coast


def make_run(path, parent=None):
    path.mkdir()
    folder = RunFolder(path)
    head = {"robot": "furuta", "robot_folder": ".", "fingerprint": "f", "seed": 0}
    lineage = {"lineage": {"run": str(parent)}} if parent else {}
    folder.write_json("config.json", head | lineage)
    folder.write_json("state.json", {})
    return path


def test_ancestors_are_oldest_first_and_end_where_one_is_gone(tmp_path):
    first = make_run(tmp_path / "a")
    second = make_run(tmp_path / "b", first)
    third = make_run(tmp_path / "c", second)
    assert ancestors(first) == [first]
    assert ancestors(third) == [first, second, third]
    assert ancestors(make_run(tmp_path / "d", tmp_path / "gone")) == [tmp_path / "d"]


def test_a_circle_of_runs_ends(tmp_path):
    first = make_run(tmp_path / "a", tmp_path / "b")
    second = make_run(tmp_path / "b", first)
    assert ancestors(second) == [first, second]


def test_errors_of_the_line_are_measured_on_the_same_windows(tmp_path, monkeypatch):
    old = make_run(tmp_path / "old")
    new = make_run(tmp_path / "new", old)
    monkeypatch.setattr(
        lineage_error,
        "load_agent",
        lambda path, spec: (SimpleNamespace(model=biased(2e-3, elites=[0])), None),
    )
    agent = SimpleNamespace(model=biased(1e-3, elites=[0]))
    agent.layout = agent.model.layout
    windows = Windows.sample(coast(60).segments, TICKS + 5, 8, np.random.default_rng(0))
    d = measure_lineage_error(new, agent, None, windows)
    assert d.runs == (old, new) and d.joints == ("slide", "hinge")
    grown = TICKS * (TICKS + 1) / 2
    np.testing.assert_allclose(d.error_rad, [[2e-3 * grown] * 2, [1e-3 * grown] * 2], rtol=1e-3)
