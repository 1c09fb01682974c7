"""Two commands never write into one run folder at once: the second is told who is in it."""

import os

import pytest

from launch.main import main
from robot_mbrl.contract.files.folder_lock import FolderLock

RUN = "tests/data/before_the_move/run"
EPISODES = "tests/data/before_the_move/episodes"
COMMANDS = {
    "pretrain": ["pretrain", "--robot", "furuta", "--out"],
    "finetune": ["finetune", "--run", RUN, "--episodes", EPISODES, "--out"],
    "collect": ["collect", "--policy", "random", "--robot", "furuta", "--port", "mock", "--out"],
    "learn": ["bench", "learn", "--out"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_second_is_refused(command, tmp_path, monkeypatch, capsys, request):
    monkeypatch.chdir(request.config.rootpath)
    folder = tmp_path / ("run.unfinished" if command == "learn" else "run")
    with FolderLock(folder):
        (folder / "config.json").write_text("of the first")
        before = sorted(p.name for p in folder.iterdir())
        out = tmp_path / "run.json" if command == "learn" else folder
        assert main([*COMMANDS[command], str(out)]) == 1
        assert f"process {os.getpid()} is writing into this folder" in capsys.readouterr().err
        assert sorted(p.name for p in folder.iterdir()) == before
    assert (folder / "config.json").read_text() == "of the first"
