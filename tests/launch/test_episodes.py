"""deploy and collect on the in-process mock."""

import json
import os
import signal
import threading

import numpy as np
import pytest

from launch.main import main
from robot_mbrl.data import read_episode


def last_json(capsys) -> dict:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def collect(tmp_path, *more: str) -> int:
    args = ["--robot", "furuta", "--policy", "random", "--port", "mock", "--out", str(tmp_path)]
    return main(["collect", *args, "--json", *more])


def test_deploy_records_one_file_an_episode(tmp_path, controller, capsys):
    args = ["--controller", str(controller), "--port", "mock", "--record", str(tmp_path / "e")]
    assert main(["deploy", *args, "--seconds", "0.5", "--episodes", "2", "--json"]) == 0
    result = last_json(capsys)
    assert result["stop_reason"] == "finished"
    assert [e["ticks"] for e in result["episodes"]] == [25, 25]
    for entry in result["episodes"]:
        episode = read_episode(entry["path"])
        assert len(episode) == 25 and episode.metadata.kind == "deploy"


def test_the_robot_is_the_one_the_controller_names(tmp_path, controller, capsys):
    args = ["--controller", str(controller), "--port", "mock", "--record", str(tmp_path / "e")]
    assert main(["deploy", *args, "--seconds", "0.1", "--json"]) == 0
    assert last_json(capsys)["robot"] == "furuta"


def test_exploration_changes_what_is_applied(tmp_path, controller):
    """Two runs with the same seed: without noise the planner's action, with noise another one."""
    args = ["collect", "--controller", str(controller), "--port", "mock", "--seconds", "0.5"]
    actions = []
    for sigma in ("0", "0.3"):
        out = tmp_path / sigma
        more = ["--episodes", "1", "--exploration", sigma, "--out", str(out), "--seed", "3"]
        assert main([*args, *more]) == 0
        episode = read_episode(next(out.glob("*.mcap")))
        assert episode.metadata.extra["exploration"] == float(sigma)
        actions.append(episode.proposed)
    assert np.abs(actions[0] - actions[1]).max() > 0.1
    # noise: the prediction was made for another action
    assert np.isnan(episode.innovation).all()


def test_a_safety_stop_is_exit_code_3_and_says_what_to_do(tmp_path, capsys):
    assert collect(tmp_path, "--exploration", "5", "--seconds", "20", "--episodes", "3") == 3
    out = capsys.readouterr().out
    assert "SAFETY STOP limit_position" in out and "Find the cause" in out
    assert json.loads(out.splitlines()[-1])["stop_reason"] == "limit_position"
    path = max(tmp_path.glob("*.mcap"))  # the last one
    assert read_episode(path).stop_reason == "limit_position"


def test_keep_going_collects_on_after_a_limit(tmp_path):
    more = ["--exploration", "5", "--seconds", "20", "--episodes", "3", "--keep-going"]
    assert collect(tmp_path, *more) == 0
    assert len(list(tmp_path.glob("*.mcap"))) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_an_operator_stop_with_a_whole_episode(tmp_path, capsys, number):
    before = signal.getsignal(number)
    timer = threading.Timer(1.0, os.kill, (os.getpid(), number))
    timer.start()
    assert collect(tmp_path, "--exploration", "0", "--seconds", "36000", "--episodes", "2") == 0
    timer.join()
    assert last_json(capsys)["stop_reason"] == "operator"
    episodes = [read_episode(p) for p in tmp_path.glob("*.mcap")]
    assert len(episodes) == 1
    assert episodes[0].complete and episodes[0].stop_reason == "operator"
    assert signal.getsignal(number) is before


def test_a_length_of_no_ticks_is_refused(tmp_path, capsys):
    assert collect(tmp_path, "--seconds", "0.01") == 1
    assert "expected at least 0.04 s" in capsys.readouterr().err


def test_collect_without_controller_names_the_way_out(tmp_path, capsys):
    assert main(["collect", "--robot", "furuta", "--port", "mock", "--out", str(tmp_path)]) == 1
    assert "--policy random" in capsys.readouterr().err
