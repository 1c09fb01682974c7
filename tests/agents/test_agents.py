"""Every agent of the registry, and one that is in no registry, against the one suite."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import robot_mbrl
from robot_mbrl.agents.agent import Agent, ModelAgent, RefinableAgent, refinable, with_model
from robot_mbrl.agents.registry import AGENTS, default_config, find_agent, make_agent
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.runs.agent_state import agent_config, read_state
from robot_mbrl.runs.run_folder import CONFIG, RunFolder
from tests.conformance import agent as suite
from tests.support.slide_env import LAYOUT, Centre, mbpo, pets
from tests.support.toy_agent import Toy, ToyConfig

ROWS = 200
SMALL: dict[str, Callable[[int], Agent]] = {
    "mbpo": lambda seed: mbpo(seed, steps=ROWS),
    "pets": pets,
    ToyConfig.agent_name: lambda seed: make_agent(LAYOUT, Centre(), ToyConfig(), ROWS, seed),
}
MAKE = pytest.mark.parametrize("make", SMALL.values(), ids=[n.split(":")[-1] for n in SMALL])


def test_each_agent_of_the_registry_is_tested_here() -> None:
    assert set(AGENTS) <= set(SMALL)
    for name in SMALL:
        assert find_agent(name).config_type.agent_name == name


@MAKE
def test_it_is_an_agent(make: suite.Make) -> None:
    suite.check_protocol(make)


@MAKE
def test_actions_have_their_shape_for_any_number_of_environments(make: suite.Make) -> None:
    suite.check_shapes(make)


@MAKE
def test_a_seed_decides(make: suite.Make) -> None:
    suite.check_seeding(make)


@MAKE
def test_evaluation_leaves_no_trace(make: suite.Make) -> None:
    suite.check_policies_are_independent(make)


@MAKE
def test_a_state_comes_back(make: suite.Make) -> None:
    suite.check_state_round_trip(make)


@MAKE
def test_a_checkpoint_comes_back(make: suite.Make, tmp_path: Path) -> None:
    suite.check_checkpoint(make, tmp_path)


@MAKE
def test_killed_it_goes_on_to_the_same_bits(make: suite.Make, tmp_path: Path) -> None:
    suite.check_resume(make, tmp_path)


@MAKE
def test_a_finished_run_is_loaded_whatever_agent_it_is_of(make: suite.Make, tmp_path: Path) -> None:
    spec: Any = SimpleNamespace(name="slide", folder=tmp_path, fingerprint="0", calibration={})

    def load() -> Agent:
        folder = RunFolder(tmp_path)
        config = agent_config(folder.read_json(CONFIG))
        agent = make_agent(LAYOUT, Centre(), config, ROWS, 0)
        agent.set_state(read_state(folder))
        return agent

    suite.check_run_folder(make, tmp_path, spec, load)


def test_what_more_an_agent_can_do_is_asked_of_it() -> None:
    toy = Toy(LAYOUT, Centre(), ToyConfig(), 10, 0)
    assert isinstance(mbpo(), RefinableAgent) and isinstance(pets(), ModelAgent)
    assert not isinstance(pets(), RefinableAgent) and not isinstance(toy, ModelAgent)
    assert refinable(mbpo()) and with_model(pets())
    with pytest.raises(SettingsError, match="'pets' cannot be improved in its model"):
        refinable(pets())
    with pytest.raises(SettingsError, match="toy_agent:Toy' has no dynamics ensemble"):
        with_model(toy)


def test_wrong_names_are_named() -> None:
    for name, message in (
        ("sac", "expected mbpo, pets or 'module:Class'"),
        ("os:path", "no class of agents"),
        ("no.such.module:Agent", "cannot be imported"),
    ):
        with pytest.raises(SettingsError, match=message):
            find_agent(name)


def test_settings_find_their_agent_by_themselves() -> None:
    config = replace(default_config("simulation"), real_share=0.5)
    assert type(make_agent(LAYOUT, Centre(), config, 10, 0)) is find_agent("mbpo")


@pytest.mark.parametrize("room", ["runs", "learning", "export"])
def test_who_stores_trains_and_exports_knows_no_agent_by_name(room: str) -> None:
    modules = [path.partition(":")[0] for path in AGENTS.values()]
    files = list((Path(robot_mbrl.__file__).parent / room).rglob("*.py"))
    assert len(files) > 3
    for file in files:
        source = file.read_text(encoding="utf-8")
        assert not [name for name in modules if name in source], file
