"""The exported controller is the torch planner, complete in one file."""

import copy
import dataclasses
import functools
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import sim
from robot_mbrl.agents.mbpo import Mbpo, MbpoConfig
from robot_mbrl.agents.pets import Pets, PetsConfig
from robot_mbrl.agents.sac_config import SacConfig
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import ContractMismatchError, NotFiniteError, SettingsError
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.export import controller_file, onnx_graph, parity
from robot_mbrl.export.controller_file import export_controller
from robot_mbrl.export.graph import (
    ControllerConfig,
    PlannerModule,
    controller_module,
    predict,
)
from robot_mbrl.export.onnx_graph import open_graph
from robot_mbrl.export.parity import TOLERANCE, largest_differences
from robot_mbrl.models.ensemble.config import EnsembleConfig, make_ensemble
from robot_mbrl.models.ensemble.ensemble import ActivationName
from robot_mbrl.models.ensemble.planning_model import PlanningModel
from robot_mbrl.models.ensemble.uncertainty import mixture
from robot_mbrl.models.fitting.fit import fit_normalizers
from robot_mbrl.onboard import load_controller
from robot_mbrl.onboard.controller.metadata import ControllerMetadata
from robot_mbrl.onboard.controller.output import INPUTS, OUTPUTS
from robot_mbrl.planners.objective.propagation import PropagationConfig
from robot_mbrl.planners.planner import PlannerName
from robot_mbrl.planners.search.cem import CemConfig
from robot_mbrl.planners.search.icem import IcemConfig
from robot_mbrl.planners.search.mppi import MppiConfig
from robot_mbrl.planners.search.random_shooting import RandomShootingConfig

CONFIG = ControllerConfig(
    cem=CemConfig(horizon=3, candidates=12, iterations=2, elites=4, proposals=5)
)
THRESHOLDS = {"disagreement": 0.5}
LINEAGE = {"episodes": ["a.mcap"]}


@dataclass
class Exported:
    agent: Mbpo
    spec: RobotSpec
    path: Path
    observations: np.ndarray
    metadata: ControllerMetadata

    def feed(self, seed: int, **given: np.ndarray) -> dict[str, np.ndarray]:
        rng, p = np.random.default_rng(seed), CONFIG.cem
        values = {
            "observation": self.observations[seed % len(self.observations)],
            "plan": rng.uniform(-1, 1, (p.horizon, 1)),
            "noise": rng.standard_normal((p.iterations, p.candidates, p.horizon, 1)),
        }
        return {name: np.asarray(x, np.float32) for name, x in (values | given).items()}

    @functools.cached_property
    def session(self) -> onnxruntime.InferenceSession:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(self.path, options, providers=["CPUExecutionProvider"])

    @functools.cached_property
    def module(self) -> PlannerModule:
        return controller_module(self.agent, CONFIG)

    def run(self, feed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(zip(OUTPUTS, self.session.run(list(OUTPUTS), feed), strict=True))

    def export_again(self, path: Path, observations: int) -> None:
        """Write the file once more, checked on so many observations."""
        export_controller(
            self.agent,
            self.spec,
            path,
            observations=self.observations[:observations],
            thresholds={},
            lineage={},
            config=CONFIG,
        )

    def torch(self, feed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        with torch.no_grad():
            out = self.module(*(torch.as_tensor(feed[n]) for n in INPUTS))
        return {name: x.numpy() for name, x in zip(OUTPUTS, out, strict=True)}


def record(spec: RobotSpec) -> Transitions:
    """Some motion in randomized simulation."""
    env = sim.make_vec_env(spec, 6, threads=1, anywhere=0.5)
    obs, _ = env.reset(seed=0)
    rng, parts = np.random.default_rng(0), []
    for _ in range(40):
        action = rng.uniform(-1, 1, (6, 1)).astype(np.float32)
        next_obs, reward, terminated, truncated, info = env.step(action)
        last = np.where(
            (terminated | truncated)[:, None], info.get("final_obs", next_obs), next_obs
        )
        parts.append((obs, action, last, reward.astype(np.float32), terminated))
        obs = next_obs
    return Transitions(*(np.concatenate(column) for column in zip(*parts, strict=True)))


@pytest.fixture(scope="module")
def exported(furuta: RobotSpec, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """Networks as they come from the initializer, normalizers as the data wants them."""
    data, env = record(furuta), sim.make_vec_env(furuta, 1)
    config = MbpoConfig(
        sac=SacConfig(actor_hidden=8, critic_hidden=9),
        ensemble=EnsembleConfig(members=5, hidden=12, dry_friction=True),
    )
    agent = Mbpo(env.layout, env.task, config, capacity=10, seed=0)
    fit_normalizers(agent.model, data)
    agent.sac.set_observation_statistics(data.obs.astype(float))
    agent.sac.average.layers[2].weight.data.mul_(20)
    agent.model.elites = torch.tensor([0, 2, 3])
    path = tmp_path_factory.mktemp("export") / "deep" / "controller.onnx"
    metadata = export_controller(
        agent,
        furuta,
        path,
        observations=data.obs[::40],
        thresholds=THRESHOLDS,
        lineage=LINEAGE,
        config=CONFIG,
    )
    return Exported(agent, furuta, path, data.obs, metadata)


def test_onnxruntime_equals_torch_on_recorded_observations(exported: Exported) -> None:
    for seed in range(25):
        feed = exported.feed(seed)
        got, expected = exported.run(feed), exported.torch(feed)
        np.testing.assert_allclose(got["action"], expected["action"], atol=TOLERANCE)
        for name in OUTPUTS:
            assert got[name].dtype == np.float32
            assert got[name].shape == expected[name].shape
            assert np.isfinite(got[name]).all(), name
            scale = 1 + np.abs(expected[name]).max()
            np.testing.assert_allclose(got[name], expected[name], atol=2e-3 * scale)


def test_stated_tolerance_is_the_largest_difference_on_the_observations(exported: Exported) -> None:
    stated = exported.metadata.tolerance
    assert set(stated) == set(OUTPUTS)
    assert 0 <= stated["action"] <= TOLERANCE
    rng, p = np.random.default_rng(0), CONFIG.cem
    largest = 0.0
    for obs in exported.observations[::40]:
        feed = {
            "observation": obs,
            "plan": rng.uniform(-1, 1, (p.horizon, 1)).astype(np.float32),
            "noise": rng.standard_normal((p.iterations, p.candidates, p.horizon, 1)).astype(
                np.float32
            ),
        }
        gap = np.abs(exported.run(feed)["action"] - exported.torch(feed)["action"]).max()
        largest = max(largest, float(gap))
    assert largest == pytest.approx(stated["action"], abs=2e-6)


def test_the_file_is_complete_and_standard(exported: Exported, tmp_path: Path) -> None:
    assert [f.name for f in exported.path.parent.iterdir()] == ["controller.onnx"]
    graph = onnx.load(exported.path, load_external_data=False)
    onnx.checker.check_model(graph)
    assert all(t.data_location == onnx.TensorProto.DEFAULT for t in graph.graph.initializer)
    assert {node.domain for node in graph.graph.node} <= {"", "ai.onnx"}
    assert not {n.op_type for n in graph.graph.node} & {
        "RandomNormal",
        "RandomNormalLike",
        "RandomUniform",
    }
    moved = tmp_path / "elsewhere.onnx"
    moved.write_bytes(exported.path.read_bytes())
    session = onnxruntime.InferenceSession(moved, providers=["CPUExecutionProvider"])
    size, p = exported.agent.layout.size, CONFIG.cem
    assert {i.name: i.shape for i in session.get_inputs()} == {
        "observation": [size],
        "plan": [p.horizon, 1],
        "noise": [p.iterations, p.candidates, p.horizon, 1],
    }
    assert [o.name for o in session.get_outputs()] == list(OUTPUTS)


def test_metadata_is_complete_and_in_the_file(exported: Exported, furuta: RobotSpec) -> None:
    graph = onnx.load(exported.path)
    props = {p.key: p.value for p in graph.metadata_props}
    inside = json.loads(props["robot_mbrl"])
    assert inside == json.loads(exported.metadata.to_json())
    assert inside["robot"] == "furuta"
    assert inside["fingerprint"] == furuta.fingerprint
    assert inside["columns"] == list(exported.agent.layout.columns)
    assert inside["actions"] == [{"name": "motor", "unit": "V", "limit": 5.0}]
    assert inside["rate_hz"] == 50
    assert inside["thresholds"] == THRESHOLDS
    assert inside["lineage"] == LINEAGE
    assert inside["planner"]["candidates"] == 12
    assert inside["planner"]["disagreement_penalty"] == CONFIG.disagreement_penalty
    assert inside["versions"]["torch"] == torch.__version__
    assert {"robot_mbrl", "onnx", "python"} <= set(inside["versions"])


def test_same_inputs_same_outputs_and_the_plan_begins_with_the_action(exported: Exported) -> None:
    feed = exported.feed(3)
    first, second = exported.run(feed), exported.run(feed)
    for name in OUTPUTS:
        np.testing.assert_array_equal(first[name], second[name])
    assert np.abs(first["action"]).max() <= 1
    shifted = first[OUTPUTS[1]]
    assert shifted.shape == (3, 1)
    np.testing.assert_array_equal(shifted[1], shifted[2])
    again = exported.run(exported.feed(3, plan=shifted))
    assert (again["action"] != first["action"]).any()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_an_impossible_observation_gives_no_action(bad: float, exported: Exported) -> None:
    """Also in onnxruntime, whose Clip and TopK need not treat NaN as torch does."""
    for column in (0, 3, exported.agent.layout.size - 1):
        obs = exported.observations[5].copy()
        obs[column] = bad
        out = exported.run(exported.feed(1, observation=obs))
        assert np.isnan(out["action"]).all()


def test_a_broken_warm_start_is_survived(exported: Exported) -> None:
    out = exported.run(exported.feed(1, plan=np.full((3, 1), math.nan)))
    for name in OUTPUTS:
        assert np.isfinite(out[name]).all(), name


SMALL = ControllerConfig(
    cem=CONFIG.cem,
    icem=IcemConfig(horizon=2, candidates=9, elites=4, proposals=3),
    mppi=MppiConfig(horizon=2, candidates=7, proposals=3),
)
# each planner and each propagation once; CEM with members is exported above
OTHERS = [
    ControllerConfig("mppi", mppi=SMALL.mppi),
    ControllerConfig("icem", icem=SMALL.icem, propagation=PropagationConfig("mean")),
    ControllerConfig(
        "random",
        random=RandomShootingConfig(horizon=2, candidates=8, proposals=3),
        propagation=PropagationConfig("ts1", particles=9),
    ),
    *(
        ControllerConfig("mppi", mppi=SMALL.mppi, propagation=PropagationConfig(kind, particles=9))
        for kind in ("tsinf", "moment")
    ),
]


@pytest.mark.parametrize(
    "config",
    [pytest.param(c, marks=[] if c.planner == "random" else [pytest.mark.slow]) for c in OTHERS],
    ids=lambda c: f"{c.planner}-{c.propagation.kind}",
)
def test_every_sampling_planner_goes_on_board_through_the_same_door(
    config: ControllerConfig, exported: Exported, tmp_path: Path
) -> None:
    path, observations = tmp_path / "controller.onnx", exported.observations
    metadata = export_controller(
        exported.agent,
        exported.spec,
        path,
        observations=observations[::80],
        thresholds={},
        lineage={},
        config=config,
    )
    assert metadata.planner["name"] == config.planner
    assert metadata.planner["candidates"] == config.chosen.candidates
    assert metadata.planner["propagation"] == config.propagation.kind
    controller = load_controller(path, exported.spec)
    module, rng = controller_module(exported.agent, config), np.random.default_rng(0)
    for obs in observations[::25]:
        plan = rng.uniform(-1, 1, controller.plan_shape).astype(np.float32)
        noise = rng.standard_normal(controller.noise_shape, dtype=np.float32)
        with torch.no_grad():
            expected = module(*(torch.as_tensor(x) for x in (obs, plan, noise)))
        output = controller.act_with(obs, plan, noise)
        np.testing.assert_allclose(output.action, expected[0], atol=TOLERANCE)
        np.testing.assert_allclose(output.plan, expected[1], atol=TOLERANCE)
        assert output.value == pytest.approx(expected[5].item(), rel=2e-3, abs=2e-3)
    # Neither a bad observation nor a bad plan may become a number on a motor.
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    bad = {"observation": np.full_like(obs, math.nan), "plan": plan, "noise": noise}
    assert np.isnan(session.run(["action"], bad)[0]).all()
    survived = controller.act_with(obs, np.full_like(plan, math.nan), noise)
    assert np.abs(survived.action).max() <= 1.0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layers", "activation", "planner"),
    [(1, "silu", "icem"), (3, "relu", "mppi")],
)
def test_networks_of_any_depth_go_on_board(
    layers: int,
    activation: ActivationName,
    planner: PlannerName,
    exported: Exported,
    tmp_path: Path,
) -> None:
    agent = copy.copy(exported.agent)
    sizes = EnsembleConfig(4, 12, dry_friction=True, layers=layers, activation=activation)
    agent.model = make_ensemble(agent.layout, sizes, torch.Generator().manual_seed(layers))
    fit_normalizers(agent.model, record(exported.spec))
    path, config = tmp_path / "controller.onnx", dataclasses.replace(SMALL, planner=planner)
    metadata = export_controller(
        agent,
        exported.spec,
        path,
        observations=exported.observations[::80],
        thresholds={},
        lineage={},
        config=config,
    )
    assert max(metadata.tolerance.values()) < 2e-3
    members = [
        attribute.i
        for node in onnx.load(path).graph.node
        if node.op_type == "Conv"
        for attribute in node.attribute
        if attribute.name == "group"
    ]
    assert members and set(members) == {4}
    assert len(members) % (layers + 1) == 0


def test_prediction_is_the_elites_mixture_propagated_to_every_column(exported: Exported) -> None:
    """Velocity columns: alpha / dt times the increment's standard deviation; sine: |cos| times it;
    what is only copied from the past is certain."""
    layout, model = exported.agent.layout, exported.agent.model
    feed = exported.feed(7)
    out = exported.run(feed)
    obs, action = (torch.as_tensor(x)[None] for x in (feed["observation"], out["action"]))
    with torch.no_grad():
        mean, std = model.increments(model.spread(obs), model.spread(action))
        dq, sigma = (
            x[0].double().numpy()
            for x in mixture(mean[model.elites], std[model.elites], model.spread_scale)
        )
    expected = layout.advance(feed["observation"].astype(float), dq, out["action"])
    np.testing.assert_allclose(out["predicted_mean"], expected, atol=1e-3)
    got = dict(zip(layout.columns, out["predicted_std"].tolist(), strict=True))
    for j, name in enumerate(layout.joints):
        velocity = layout.alpha[j] / layout.dt * sigma[j]
        assert got[f"{name}.velocity"] == pytest.approx(velocity, rel=0.01)
    assert got["arm.position"] == pytest.approx(sigma[0], rel=0.01)
    cos = abs(expected[layout.column("pendulum.cos")])
    sin = abs(expected[layout.column("pendulum.sin")])
    assert got["pendulum.sin"] == pytest.approx(cos * sigma[1], rel=0.02, abs=1e-4 + sigma[1] ** 2)
    assert got["pendulum.cos"] == pytest.approx(sin * sigma[1], rel=0.02, abs=1e-4 + sigma[1] ** 2)
    for name, value in got.items():
        if "[-" in name:
            assert value == 0.0, name


def test_predict_in_torch_agrees_with_a_sampled_spread(exported: Exported) -> None:
    """The first-order spread of the next observation against 4000 draws of the increment."""
    model, layout = exported.agent.model.elite_model(), exported.agent.layout
    model.std_scale.fill_(0.05)  # small enough that sine and cosine are straight
    model.spread_scale.copy_(torch.tensor([0.5, 0.2]))
    obs, action = torch.as_tensor(exported.observations[9]), torch.tensor([0.3])
    rng = np.random.default_rng(0)
    with torch.no_grad():
        mean, std = predict(PlanningModel(model), obs, action)
        dq, sigma = mixture(
            *model.increments(model.spread(obs[None]), model.spread(action[None])),
            model.spread_scale,
        )
    draws = dq.double().numpy() + 1e-2 * sigma.double().numpy() * rng.standard_normal((4000, 2))
    wide = np.broadcast_to(obs.double().numpy(), (4000, layout.size))
    spread = layout.advance(wide, draws, np.broadcast_to([0.3], (4000, 1))).std(0)
    moving = spread > 1e-9
    np.testing.assert_allclose(std.numpy()[moving] * 1e-2, spread[moving], rtol=0.08, atol=2e-5)
    assert not std.numpy()[~moving].any()
    assert mean.shape == (layout.size,)


class Fake:
    """An onnxruntime that answers something else."""

    def __init__(self, answer: float) -> None:
        self.answer = answer

    def run(self, names: Any, feed: dict[str, np.ndarray]) -> list[np.ndarray]:
        shapes = [(1,), (3, 1), (54,), (54,), (3,), ()]
        return [np.full(shape, self.answer, np.float32) for shape in shapes]


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (0.9, ContractMismatchError, "differs from torch by .* in the action"),
        (math.nan, NotFiniteError, "action, .* is not finite on a recorded observation"),
    ],
)
def test_a_file_that_does_not_do_what_torch_does_is_not_written(
    answer: float,
    error: type[Exception],
    message: str,
    exported: Exported,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = onnx.load(exported.path)
    monkeypatch.setattr(controller_file, "to_onnx", lambda *_: graph)
    monkeypatch.setattr(onnx_graph.onnxruntime, "InferenceSession", lambda *_, **__: Fake(answer))
    path = tmp_path / "controller.onnx"
    with pytest.raises(error, match=message):
        exported.export_again(path, 2)
    assert not path.exists()


class Moved:
    """The session of a file, whose action and score are moved."""

    def __init__(self, path: Any, action: float, score: float) -> None:
        self.session = open_graph(onnx.load(path))
        self.action, self.score = action, score

    def run(self, names: Any, feed: dict[str, np.ndarray]) -> list[Any]:
        action, *others, value = self.session.run(names, feed)
        return [action + self.action, *others, value * (1 + self.score)]


@pytest.mark.parametrize(
    ("action", "score", "told", "share"),
    [
        (0.9, 1e-6, 0.0, 1.0),  # as good: rounding decided
        (0.9, 1e-2, 0.9, 0.0),  # another score: a bug
        (0.0, 1e-2, 0.0, 0.0),
        (math.nan, 0.0, math.inf, 0.0),
    ],
)
def test_a_tie_of_plans_is_told_apart_and_a_bug_is_not_excused(
    action: float,
    score: float,
    told: float,
    share: float,
    monkeypatch: pytest.MonkeyPatch,
    exported: Exported,
) -> None:
    moved = Moved(exported.path, action, score)
    monkeypatch.setattr(parity, "open_graph", lambda *_: moved)
    module = controller_module(exported.agent, CONFIG)
    observations = exported.observations[:6]
    found = largest_differences(module, onnx.ModelProto(), observations)
    largest, ties = found.tolerance, found.ties
    assert largest["action"] == pytest.approx(told, abs=1e-5)
    assert ties["share"] == share
    assert ties["action"] == pytest.approx(action if share else 0.0, abs=1e-4)


def test_a_file_whose_every_action_is_moved_is_not_written(
    exported: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the score does not tell: what happens each time is no accident of rounding."""
    moved, graph = Moved(exported.path, 0.01, 0.0), onnx.load(exported.path)
    monkeypatch.setattr(controller_file, "to_onnx", lambda *_: graph)
    monkeypatch.setattr(parity, "open_graph", lambda *_: moved)
    path = tmp_path / "controller.onnx"
    with pytest.raises(ContractMismatchError, match="in 100% of observations, though"):
        exported.export_again(path, 6)
    assert not path.exists()


def test_an_agent_without_policy_and_value_is_exported_with_settings_that_need_neither(
    exported: Exported, tmp_path: Path
) -> None:
    agent = Pets(exported.agent.layout, exported.agent.task, PetsConfig(), 1, seed=0)
    agent.model = exported.agent.model
    bare = dataclasses.replace(CONFIG, cem=dataclasses.replace(CONFIG.cem, proposals=0))
    alone = dataclasses.replace(bare, terminal_value=False)
    with pytest.raises(SettingsError, match=r"'pets' has no value function"):
        controller_module(agent, bare)
    with pytest.raises(SettingsError, match=r"'pets' has no policy: set cem.proposals to 0"):
        controller_module(agent, dataclasses.replace(CONFIG, terminal_value=False))
    path = tmp_path / "pets.onnx"
    export_controller(
        agent,
        exported.spec,
        path,
        observations=exported.observations[:2],
        thresholds={},
        lineage={},
        config=alone,
    )
    output = load_controller(path, exported.spec, seed=0).act(exported.observations[0])
    assert np.abs(output.action).max() <= 1
