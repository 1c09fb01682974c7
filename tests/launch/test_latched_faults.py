"""What a device has latched is cleared by a person who has read it, and by nobody else."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import launch.operator_stop
from hardware import Connection, open_connection
from launch.main import main
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.interface import Fault


@pytest.fixture
def watchdog_tripped(monkeypatch: pytest.MonkeyPatch) -> list[Connection]:
    """Every mock that is opened has been left alone by a program that was killed."""
    opened: list[Connection] = []

    def open_tripped(spec: RobotSpec, port: str, **settings: Any) -> Connection:
        connection = open_connection(spec, port, **settings)
        assert connection.device is not None
        if not opened:
            connection.device.board.trip(Fault.WATCHDOG)
        opened.append(connection)
        return connection

    monkeypatch.setattr(launch.operator_stop, "open_connection", open_tripped)
    return opened


Run = Callable[..., int]


@pytest.fixture(params=["deploy", "collect"])
def run(request: pytest.FixtureRequest, tmp_path: Path, controller: Path) -> Run:
    folder = {"deploy": "--record", "collect": "--out"}[request.param]
    args = ["--controller", str(controller), "--port", "mock", folder, str(tmp_path / "episodes")]

    def start(*more: str) -> int:
        return main([request.param, *args, "--seconds", "0.2", "--episodes", "1", *more])

    return start


def board_faults(opened: list[Connection]) -> Fault:
    assert opened[0].device is not None
    return opened[0].device.board.faults


def test_without_the_option_nothing_is_cleared_and_the_reason_is_shown(
    run: Run, watchdog_tripped: list[Connection], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--json") == 3
    out, err = capsys.readouterr()
    assert "watchdog (it heard no command for too long" in out
    assert "--clear-faults" in err and "Traceback" not in err
    assert json.loads(out.splitlines()[-1])["error"]["kind"] == "DeviceFault"
    assert Fault.WATCHDOG in board_faults(watchdog_tripped)


def test_with_the_option_it_goes_on(
    run: Run, watchdog_tripped: list[Connection], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--clear-faults") == 0
    out = capsys.readouterr().out
    assert "watchdog (it heard no command" in out and "faults cleared" in out
    assert Fault.WATCHDOG not in board_faults(watchdog_tripped)


def test_the_option_says_nothing_where_nothing_is_latched(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--clear-faults") == 0
    assert "fault" not in capsys.readouterr().out


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("", 3), ("no", 3), (EOFError, 3)])
def test_at_a_terminal_a_person_is_asked(
    run: Run,
    watchdog_tripped: list[Connection],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    answer: Any,
    code: int,
) -> None:
    asked: list[str] = []

    def reply(question: str) -> str:
        asked.append(question)
        if answer is EOFError:
            raise EOFError
        return str(answer)

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", reply)
    assert run() == code
    assert len(asked) == 1 and "Clear the fault" in asked[0]
    assert (Fault.WATCHDOG in board_faults(watchdog_tripped)) == (code == 3)


def test_a_cause_that_is_still_there_is_told(
    run: Run, watchdog_tripped: list[Connection], tmp_path: Path, monkeypatch, capsys
) -> None:
    def hot(spec: RobotSpec, port: str, **settings: Any) -> Connection:
        connection = open_connection(spec, port, **settings)
        assert connection.device is not None
        connection.device.board.heat.celsius[:] = 120.0
        connection.device.board.trip(Fault.OVERTEMPERATURE)
        return connection

    monkeypatch.setattr(launch.operator_stop, "open_connection", hot)
    assert run("--clear-faults") == 3
    assert "still reports after clearing: overtemperature" in capsys.readouterr().err
