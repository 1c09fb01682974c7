import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from launch.main import BENCH_MENU, BENCHES, STUDIES, VERB_MENU, VERBS, main
from launch.verb import plain

ROOT = Path(__file__).parent.parent.parent

BLOCKED = """
import importlib.abc, sys

class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "mujoco", "pybullet", "scipy"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Block())
from launch.main import main
sys.exit(main(sys.argv[1:]))
"""


def run(*args: str, program: str | None = None) -> subprocess.CompletedProcess[str]:
    start = ["-c", program] if program else ["-m", "launch.main"]
    return subprocess.run(
        [sys.executable, *start, *args], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("verb", [v for v in VERBS if v != "bench"])
def test_help_explains_every_verb(verb, capsys):
    with pytest.raises(SystemExit) as end:
        main([verb, "--help"])
    assert end.value.code == 0
    assert f"robot-mbrl {verb}" in capsys.readouterr().out


@pytest.mark.parametrize("verb", ["deploy", "collect", "mock", "import-log", "bench", "bench loop"])
def test_on_board_verbs_start_without_training_packages(verb):
    child = run(*verb.split(), "--help", program=BLOCKED)
    assert child.returncode == 0, child.stderr
    assert f"usage: robot-mbrl {verb}" in child.stdout


def test_a_training_verb_says_which_package_is_missing():
    child = run("pretrain", "--help", program=BLOCKED)
    assert child.returncode == 1
    assert "pip install '.[train]'" in child.stderr
    assert "Traceback" not in child.stderr


def test_the_list_of_verbs(capsys):
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {verb} " in out for verb in VERBS)
    assert main([]) == 2


@pytest.mark.parametrize("name", BENCH_MENU.lines)
def test_help_explains_every_bench(name, capsys):
    with pytest.raises(SystemExit) as end:
        main(["bench", name, "--help"])
    assert end.value.code == 0
    assert f"robot-mbrl bench {name}" in capsys.readouterr().out


def test_the_list_of_benches(capsys):
    assert main(["bench", "--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"  {name} " in out for name in (*BENCHES, *STUDIES))
    assert main(["bench"]) == 2


@pytest.mark.parametrize("menu", [VERB_MENU, BENCH_MENU], ids=["verbs", "benches"])
def test_every_command_is_listed_and_every_module_that_is_one_is_found(menu):
    for room, lines in menu.rooms.items():
        files = (ROOT / room.replace(".", "/")).glob("*.py")
        commands = {f.stem for f in files if "\ndef run(settings: Settings)" in f.read_text()}
        assert commands == {name.replace("-", "_") for name in lines} - {"bench"}


def test_a_misspelt_bench_is_wrong_usage(capsys):
    assert main(["bench", "plannner"]) == 2
    assert "did you mean 'planner'?" in capsys.readouterr().err


def test_a_misspelt_verb_is_wrong_usage(capsys):
    assert main(["pretrian"]) == 2
    assert "did you mean 'pretrain'?" in capsys.readouterr().err


def test_a_wrong_flag_is_wrong_usage():
    with pytest.raises(SystemExit) as end:
        main(["deploy", "--nonsense"])
    assert end.value.code == 2


def test_json_has_no_nan_and_takes_paths_and_arrays():
    value = {"a": np.array([1.0, np.nan]), "b": Path("x"), "c": np.float32(2), "d": (np.inf,)}
    assert plain(value) == {"a": [1.0, None], "b": "x", "c": 2.0, "d": [None]}


def test_an_error_is_one_message_and_one_json_line(tmp_path, capsys):
    args = ["--controller", str(tmp_path / "none.onnx"), "--port", "mock", "--json"]
    assert main(["deploy", *args]) == 1
    out, err = capsys.readouterr()
    assert err.startswith("robot-mbrl deploy: error: ") and "no such file" in err
    assert json.loads(out.splitlines()[-1])["error"]["kind"] == "DataError"


def test_a_safety_error_outside_of_an_episode_is_exit_code_3(tmp_path, robot_folder, capsys):
    """The robot cannot come home within its time."""
    toml = robot_folder / "robot.toml"
    text = toml.read_text().replace("timeout_s = 60.0", "timeout_s = 0.1")
    toml.write_text(text)
    args = ["--robot", str(robot_folder), "--policy", "random", "--port", "mock"]
    assert main(["collect", *args, "--out", str(tmp_path / "out")]) == 3
    assert "did not come to rest at home within 0.1 s" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_mock_prints_its_port_first_and_ends_cleanly(number):
    child = subprocess.Popen(
        [sys.executable, "-m", "launch.main", "mock", "--reality", "heavy", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    first = json.loads(child.stdout.readline())
    assert Path(first["port"]).exists()
    assert first["reality"] == "heavy"
    time.sleep(0.2)
    child.send_signal(number)
    out, _ = child.communicate(timeout=20)
    assert child.returncode == 0
    assert json.loads(out.splitlines()[-1])["port"] == first["port"]
