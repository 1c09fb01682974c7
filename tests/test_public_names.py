"""One public name has one meaning: no two modules define a class or function of the same name.

Where modules offer the same thing on purpose, the name and where it may stand are in `INTERFACES`.
"""

import ast
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOUSES = ("robot_mbrl", "hardware", "sim", "calibration", "launch")
INTERFACES = {
    "Settings": ("launch/verbs", "launch/bench", "launch/studies"),  # options of a command
    "run": ("launch/verbs", "launch/bench", "launch/studies"),  # and what it does
    "make_reference": ("launch/bench/reference",),  # another project's program beside ours
    "make_env": ("hardware", "sim"),  # gymnasium.Env over one Robot, real or simulated
}


def public_names(source: str) -> set[str]:
    """Classes and functions that a module defines at its top, without an underscore."""
    return {
        node.name
        for node in ast.parse(source).body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
    }


def clashes(sources: dict[str, str]) -> dict[str, list[str]]:
    """Names that several modules define, with the paths of those that may not."""
    where = defaultdict(list)
    for path, source in sources.items():
        for name in public_names(source):
            where[name].append(path)
    found = {}
    for name, paths in where.items():
        folders = INTERFACES.get(name, ())
        strangers = [p for p in paths if not any(p.startswith(f"{f}/") for f in folders)]
        if strangers and len(paths) > 1:
            found[name] = strangers
    return found


def all_sources() -> dict[str, str]:
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for house in HOUSES
        for path in sorted((ROOT / house).rglob("*.py"))
    }


def test_one_public_name_has_one_meaning() -> None:
    found = clashes(all_sources())
    assert not found, f"rename all but one of each: {found}"


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({"sim/a.py": "class A: ...", "launch/b.py": "def A(): ..."}, {"A"}),
        ({"sim/a.py": "class _A: ...", "launch/b.py": "def _A(): ..."}, set()),
        ({"sim/a.py": "def f(): ...\ndef f(): ..."}, set()),  # overloads
        ({"sim/a.py": "class A:\n    def f(self): ...", "sim/b.py": "def f(): ..."}, set()),
        ({"launch/verbs/a.py": "def run(): ...", "launch/bench/b.py": "def run(): ..."}, set()),
        ({"launch/verbs/a.py": "def run(): ...", "sim/b.py": "def run(): ..."}, {"run"}),
    ],
)
def test_the_rule_itself(sources: dict[str, str], expected: set[str]) -> None:
    assert set(clashes(sources)) == expected
