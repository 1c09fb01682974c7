"""Pages and comments beside the robots say what their files say."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.description.read_robot import BUILT_IN
from robot_mbrl.contract.description.reality import Reality, load_reality
from robot_mbrl.contract.description.spec import ActuatorSpec, JointSpec, MotorSpec
from robot_mbrl.contract.parameters.effects import EFFECTS, effect_of

PAGES = sorted(BUILT_IN.glob("*.md"))
ROBOTS = ("furuta", "cart_pole")  # those with realities, in the order of the page
REALITIES = [p for name in ROBOTS for p in sorted((BUILT_IN / name / "realities").glob("*.toml"))]


def robot_of(path: Path) -> str:
    return path.parent.parent.name


def rows(page: str, first: str, number: int) -> list[list[str]]:
    """Cells of a table whose head begins with `first`, without the head."""
    table = page.split(f"| {first} |")[1 + number].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("| ").split("|")] for line in table]


def shipped(robot: str) -> dict[str, list[str]]:
    """The cells beside each reality that the page lists."""
    page = (BUILT_IN / "reality.md").read_text(encoding="utf-8")
    return {name.strip("`"): cells for name, *cells in rows(page, "file", ROBOTS.index(robot))}


def outside(reality: Reality, spec: RobotSpec) -> dict[str, float]:
    """Parameters of a machine beyond the range that training draws them from."""
    return {
        path: reality.parameters[path]
        for path, variation in spec.randomization.items()
        if not variation.low <= reality.parameters[path] <= variation.high
    }


def test_the_page_lists_every_shipped_reality() -> None:
    assert {path.parent for path in BUILT_IN.glob("*/realities/*.toml")} == {
        path.parent for path in REALITIES
    }
    for robot in ROBOTS:
        assert list(shipped(robot)) == [p.name for p in REALITIES if robot_of(p) == robot]


@pytest.mark.parametrize("path", REALITIES, ids=lambda p: f"{robot_of(p)} {p.stem}")
def test_the_page_says_what_lies_outside_the_randomized_range(path: Path) -> None:
    spec = load_robot(robot_of(path))
    reality = load_reality(path, spec)
    differs, ranges, effects = shipped(spec.name)[path.name]
    said = {p: float(v) for p, v in re.findall(r"`([\w.]+)` ([\d.]+)", ranges)}
    assert said == outside(reality, spec)
    unknown = reality.parameters.keys() - spec.nominal.keys()
    assert set(re.findall(r"`(\w+)`", effects)) == {p.rsplit(".", 1)[-1] for p in unknown}
    assert all(effect_of(p) for p in unknown)
    assert f"{reality.parameters['actuators.motor.latency_ms']:g} ms command latency" in differs
    lost = reality.effect("sensors.lost_share")
    assert (f"{100 * lost:.1f} % lost frames" in differs) == (lost > 0)


@pytest.mark.parametrize("path", REALITIES, ids=lambda p: f"{robot_of(p)} {p.stem}")
def test_comparisons_in_the_comments_of_realities_are_true(path: Path) -> None:
    """They are written as "pendulum mass x1.4 against at most x1.2"."""
    spec, text = load_robot(robot_of(path)), path.read_text(encoding="utf-8")
    reality = load_reality(path, spec)
    comment = " ".join(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))
    for part, key, value, bound in re.findall(
        r"(\w+) (\w+) x([\d.]+\d) against at (?:most|least) x([\d.]+\d)", comment
    ):
        [name] = [p for p in spec.randomization if p.endswith(f".{part}.{key}")]
        variation = spec.randomization[name]
        assert float(value) == reality.parameters[name]
        assert float(bound) in (variation.low, variation.high)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_keys_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    known = {key for group in EFFECTS.values() for key in group}
    known |= {f.name for spec in (JointSpec, ActuatorSpec, MotorSpec) for f in fields(spec)}
    for name in ("furuta", "simple_pendulum", "arm", "cart_pole"):
        known |= {p.rsplit(".", 1)[-1] for p in load_robot(name).nominal}
        known |= set(re.findall(r"^\s*(\w+) =", (BUILT_IN / name / "robot.toml").read_text(), re.M))
    for example in re.findall(r"```toml\n(.*?)```", text, re.DOTALL):
        known |= keys(tomllib.loads(example))
    named = set(re.findall(r"`(\w+_\w+)`", text))
    assert named <= known | {"latency_jitter_ms", "lost_frames"}  # of files of before


def keys(table: dict[str, object]) -> set[str]:
    """Every key of nested tables."""
    found = set(table)
    for value in table.values():
        for inner in value if isinstance(value, list) else [value]:
            found |= keys(inner) if isinstance(inner, dict) else set()
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
