"""Every effect can be drawn by [randomization], and one that is drawn changes what is seen."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.description.read_randomization import when_allowed
from robot_mbrl.contract.parameters.effects import (
    EFFECTS,
    JOINT_EFFECTS,
    NOT_OF_THE_MACHINE,
    SLIDE_EFFECTS,
)
from robot_mbrl.contract.parameters.variation import Variation
from sim import make_vec_env
from tests.support.robots import furuta_toml, write_robot

B, TICKS = 2, 24
ARM, MOTOR, LINK = "joints.arm.", "actuators.motor.", "links.pendulum."
WARM = {MOTOR + "heating_k": 500.0, MOTOR + "heating_s": 0.3}
COGGING = {ARM + "cogging_nm": 3e-3, ARM + "cogging_periods_per_rev": 8}
STUCK = {ARM + "freezes_per_s": 20.0}
PAYLOAD = {LINK + "payload_kg": 0.02}
CASES: dict[str, tuple[float, dict[str, float]]] = {  # a number, and what it needs beside it
    ARM + "static_friction_nm": (5e-3, {}),
    ARM + "stribeck_velocity_rad_s": (5.0, {ARM + "static_friction_nm": 5e-3}),
    ARM + "cogging_nm": (3e-3, {}),
    ARM + "cogging_periods_per_rev": (3.0, COGGING),
    ARM + "cogging_phase_rad": (1.5, COGGING),
    ARM + "cable_nm_rad": (0.01, {}),
    ARM + "cable_rest_rad": (0.5, {ARM + "cable_nm_rad": 0.01}),
    ARM + "backlash_rad": (0.05, {}),
    ARM + "encoder_offset_rad": (0.1, {}),
    ARM + "freezes_per_s": (20.0, {}),
    ARM + "freeze_s": (0.5, STUCK),
    ARM + "pushes_per_s": (20.0, {ARM + "push_nm_s": 1e-3}),
    ARM + "push_nm_s": (1e-3, {ARM + "pushes_per_s": 20.0}),
    LINK + "pushes_per_s": (20.0, {LINK + "push_n_s": 0.01}),
    LINK + "push_n_s": (0.01, {LINK + "pushes_per_s": 20.0}),
    LINK + "payload_kg": (0.02, {}),
    LINK + "payload_at_s": (0.2, PAYLOAD),
    LINK + "payload_distance_m": (0.05, PAYLOAD),
    MOTOR + "heating_k": (500.0, WARM | {MOTOR + "heating_k": 100.0}),
    MOTOR + "heating_s": (2.0, WARM),
    MOTOR + "derating_per_k": (0.02, WARM),
    MOTOR + "jitter_ms": (10.0, {}),
    MOTOR + "lost_share": (0.9, {}),
    MOTOR + "source_resistance_ohm": (4.0, {}),
    "sensors.jitter_ms": (5.0, {}),
    "sensors.lost_share": (0.3, {}),
    "sensors.repeated_share": (0.3, {}),
    "gravity.tilt_rad": (0.2, {}),
    "gravity.direction_rad": (1.5, {"gravity.tilt_rad": 0.2}),
}


def nested(values: dict[str, Any]) -> dict[str, Any]:
    """{"a.b": 1} -> {"a": {"b": 1}}."""
    found: dict[str, Any] = {}
    for path, value in values.items():
        *head, last = path.split(".")
        at = found
        for key in head:
            at = at.setdefault(key, {})
        at[last] = value
    return found


def robot(folder: Path, effects: dict[str, float], drawn: dict[str, Any]) -> RobotSpec:
    """A furuta without other effects or randomization."""
    toml = furuta_toml()
    whole = {p: int(v) if p.endswith("_per_rev") else v for p, v in effects.items()}
    toml["effects"], toml["randomization"] = nested(whole), nested(drawn)
    return load_robot(write_robot(folder, toml))


def seen(
    spec: RobotSpec, *ranges: dict[str, Variation]
) -> tuple[np.ndarray, list[dict[str, np.ndarray]]]:
    """Observations (TICKS + 1, B, O) in the drawn worlds, and the parameters told of each; of two
    `ranges` the first hold until the reset, the second from then on."""
    env = make_vec_env(spec, B, threads=1)
    if ranges:
        env.set_ranges(ranges[0])
    first, info = env.reset(seed=3)
    if ranges:
        env.set_ranges(ranges[1])
    obs, infos, rng = [first], [info["parameters"]], np.random.default_rng(0)
    for action in np.repeat(rng.uniform(-0.5, 0.5, TICKS // 2), 2):
        step = env.step(np.full((B, 1), action))
        obs.append(step[0])
        infos.append(step[4]["parameters"])
    env.close()
    return np.array(obs), infos


def test_every_effect_has_its_case() -> None:
    sliders = set(SLIDE_EFFECTS) - set(JOINT_EFFECTS)  # see test_sliders
    keys = {(group, key) for group, known in EFFECTS.items() for key in known}
    keys -= {("joints", key) for key in sliders}
    assert {(p.split(".")[0], p.rsplit(".", 1)[-1]) for p in CASES} == keys
    assert set(CASES) <= set(load_robot("furuta").possible_effects)
    assert {key for _, key in keys} > NOT_OF_THE_MACHINE


@pytest.mark.parametrize("path", CASES)
def test_an_effect_that_is_drawn_changes_what_is_seen(path: str, tmp_path: Path) -> None:
    """A range of one number, against the number that it replaces."""
    value, beside = CASES[path]
    neutral = load_robot("furuta").possible_effects[path]
    base = beside.get(path, neutral)
    with_it = {path: {"set": [value, value]}}
    without = beside if not np.isnan(base) else {p: v for p, v in beside.items() if p != path}
    told = [
        seen(robot(tmp_path / "with", beside, with_it)),
        seen(
            robot(
                tmp_path / "without", without, {path: {"set": [base, base]}} if base == base else {}
            )
        ),
    ]
    (changed, infos), (plain, _) = told
    np.testing.assert_array_equal(infos[0][path], np.full(B, value))
    assert (np.abs(changed - plain).max((0, 2)) > 1e-3).all()


CHANGING = [(p, when) for p in CASES for when in ("interval", "step") if when in when_allowed(p)[0]]


@pytest.mark.parametrize(("path", "when"), CHANGING)
def test_an_effect_may_change_within_an_episode_where_that_has_a_meaning(
    path: str, when: str, tmp_path: Path
) -> None:
    """The ranges change at the start, so that the next draw has another number."""
    value, beside = CASES[path]
    base = beside.get(path, load_robot("furuta").possible_effects[path])
    drawn = {"set": sorted([base, value]), "when": when} | (
        {"every_s": 0.1} if when == "interval" else {}
    )
    spec = robot(tmp_path, beside, {path: drawn})
    now, later = (
        {path: replace(spec.randomization[path], low=end, high=end)} for end in (base, value)
    )
    (changing, infos), (held, _) = seen(spec, now, later), seen(spec, now, now)
    first = {"interval": 5, "step": 1}[when]  # the tick before which it is drawn anew
    told = np.array([info[path][0] for info in infos])
    assert told.tolist() == [base] * (first + 1) + [value] * (TICKS - first)
    np.testing.assert_array_equal(changing[: first + 1], held[: first + 1])
    assert (np.abs(changing - held).max((0, 2)) > 1e-3).all()
