"""Worker processes are made in one place, and never by fork: a forked copy of a process with
threads waits for locks that nobody holds."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROOMS = ("robot_mbrl", "hardware", "sim", "calibration", "launch")
SOURCES = sorted(p for room in ROOMS for p in (ROOT / room).rglob("*.py"))
MAKERS = {
    "robot_mbrl/learning/scale/executor.py",
    "sim/bullet_engine/process.py",  # one engine a process: it has one world of its own
}
POOLS = {"ProcessPoolExecutor", "Pool", "Process", "Manager"}
FORKS = {"fork", "forkpty", "forkserver"}


def made(tree: ast.AST) -> list[str]:
    """Names of what makes processes, called or imported anywhere."""
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            found += [name] if name in POOLS | FORKS else []
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {a.name for a in node.names}
            if node.module.startswith(("multiprocessing", "concurrent.futures")):
                found += sorted(names & POOLS)
    return found


def contexts(tree: ast.AST) -> list[object]:
    """Arguments of every `get_context(...)` and `set_start_method(...)`."""
    return [
        node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and getattr(node.func, "attr", "") in ("get_context", "set_start_method")
    ]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_processes_are_made_in_one_place_and_spawned(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    name = path.relative_to(ROOT).as_posix()
    asked = contexts(tree)
    assert set(asked) <= {"spawn"}, f"{name}: asks for {asked}, expected 'spawn'"
    if name in MAKERS:
        assert asked, f"{name}: makes processes without a spawn context"
    else:
        assert not made(tree), f"{name}: makes processes; use learning.scale.executor"


def test_what_is_forbidden_is_found() -> None:
    tree = ast.parse(
        "from concurrent.futures import ProcessPoolExecutor\n"
        "import multiprocessing, os\n"
        "multiprocessing.Pool(2)\nos.fork()\nmultiprocessing.get_context('fork').Process()"
    )
    assert sorted(made(tree)) == ["Pool", "Process", "ProcessPoolExecutor", "fork"]
    assert contexts(tree) == ["fork"]
