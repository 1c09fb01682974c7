"""Every kind of file that is read: where a good one comes from, and what reads it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from launch.studies.curves import read_results
from robot_mbrl.contract import load_robot
from robot_mbrl.contract.description.calibration import load_calibration
from robot_mbrl.contract.description.read_robot import BUILT_IN
from robot_mbrl.contract.description.reality import load_reality
from robot_mbrl.data import EpisodeHeader, EpisodeWriter, Tick, import_csv, read_episode
from robot_mbrl.data.score import score_episode
from robot_mbrl.onboard import (
    ControllerMetadata,
    MonitorThresholds,
    OnnxController,
    load_controller,
)
from robot_mbrl.onboard.controller.model_seal import seal_model
from robot_mbrl.runs.agent_state import agent_config
from robot_mbrl.runs.checkpoint import load_checkpoint
from robot_mbrl.runs.lineage import kept_out_of, learned_from
from robot_mbrl.runs.load_agent import load_agent
from robot_mbrl.runs.run_folder import RunFolder
from robot_mbrl.runs.run_head import read_head
from robot_mbrl.tasks import make_task
from sim.adopt.new_robot import new_robot
from tests.fuzz.mutations import BINARY, TEXT, Break

DATA = Path(__file__).parents[1] / "data"
BEFORE = DATA / "before_the_move"
CALIBRATION = b"""robot = "furuta"
date = 2026-02-03
[joint_offset_rad]
pendulum = -0.02
[parameters.links.pendulum]
mass = { mean = 1.12, interval = [1.05, 1.19] }
"""
FINETUNE = b"""{"accepted": true, "error_before_rad": 0.1, "error_after_rad": 0.05,
 "holdout_episodes": ["a.mcap"], "train_transitions": 10, "holdout_transitions": 3}
"""
LEARNED = b"""{"env": "Pendulum-v1", "agent": "sac",
 "runs": [{"curve": [{"steps": 1, "cpu_s": 2.5}]}]}"""
LINEAGE = b""""lineage": {"run": "../parent", "seed": 1,
 "episodes": {"a.mcap": "1f", "b.mcap": "2e"},
 "parent": {"run": "../older", "seed": 0}},
 "seed": 0"""


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes:
        prepare: fills a folder with good files; returns the one that is broken.
        read: reads it as the commands do, and uses what it got.
        ways: to break it.
    """

    prepare: Callable[[Path], Path]
    read: Callable[[Path], object]
    ways: tuple[Break, ...] = TEXT


def _episode(folder: Path) -> Path:
    spec, path = load_robot("furuta"), folder / "e.mcap"
    header = EpisodeHeader.from_spec(spec, kind="collect", created="", lineage={"run": "a"})
    size, one, two = len(header.columns), np.full(1, 0.5), np.zeros(2)
    with EpisodeWriter(path, header) as writer:
        for i in range(8):
            t = 0.02 * i
            writer.write(Tick(i, t, t, two, np.full(size, 0.1 * i), one, one, 0.0, two, 0.0, 0.0))
    return path


def _copy(source: Path) -> Callable[[Path], Path]:
    return lambda folder: Path(shutil.copy(source, folder))


def _written(name: str, content: bytes) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


def _read_episode(path: Path) -> None:
    spec = load_robot("furuta")
    for recover in (True, False):
        episode = read_episode(path, recover=recover)
        episode.transitions()
        if episode.metadata.fingerprint == spec.fingerprint:
            score_episode(episode, make_task(spec))


def _sealed(folder: Path) -> Path:
    path = folder / "controller.onnx"
    path.write_bytes(seal_model((BEFORE / "controller.onnx").read_bytes()))
    return path


def _metadata(folder: Path) -> Path:
    path = folder / "metadata.json"
    model = onnx.load(str(BEFORE / "controller.onnx"))
    path.write_text(model.metadata_props[0].value)
    return path


@cache
def _session() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(str(BEFORE / "controller.onnx"))


def _read_metadata(path: Path) -> None:
    """As that of the controller of before."""
    text = path.read_bytes().decode("utf-8", "replace")
    metadata = ControllerMetadata.from_json(text, str(path))
    _use_controller(OnnxController(_session(), metadata, np.random.default_rng(0), str(path)))


def _read_controller(path: Path) -> None:
    _use_controller(load_controller(path))


def _use_controller(controller: OnnxController) -> None:
    MonitorThresholds.of_controller(controller.metadata.thresholds)
    controller.act(np.zeros(len(controller.metadata.columns)))
    controller.metadata.check_robot(load_robot("furuta"), "controller")


def _robot(name: str) -> Callable[[Path], Path]:
    def copy(folder: Path) -> Path:
        shutil.copytree(BUILT_IN / "furuta", folder, dirs_exist_ok=True)
        return folder / name

    return copy


def _run(name: str, content: bytes | None = None) -> Callable[[Path], Path]:
    def copy(folder: Path) -> Path:
        shutil.copytree(BEFORE / "run", folder, dirs_exist_ok=True)
        if content is not None:
            (folder / name).write_bytes(content)
        return folder / name

    return copy


def _lineage(folder: Path) -> Path:
    path = _run("config.json")(folder)
    path.write_bytes(path.read_bytes().replace(b'"seed": 0', LINEAGE, 1))
    (folder / "finetune.json").write_bytes(FINETUNE)
    return path


def _load_run(path: Path) -> None:
    agent, _ = load_agent(path.parent)
    learned_from(path.parent)
    kept_out_of(path.parent)
    agent.policy()(agent.real.all().obs[:3])


@cache
def _fresh_agent() -> object:
    return load_agent(BEFORE / "run")[0]


def _load_checkpoint(path: Path) -> None:
    folder = RunFolder(path.parent)
    agent_config(read_head(path.parent))
    load_checkpoint(folder, _fresh_agent())  # type: ignore[arg-type]


def _import_csv(path: Path) -> None:
    import_csv([path], load_robot("simple_pendulum"), path.parent / "out")


def _csv(folder: Path) -> Path:
    path = folder / "run.csv"
    source = DATA / "realaigym_simple_pendulum" / "ilqr.measured.csv"
    path.write_bytes(b"".join(source.read_bytes().splitlines(keepends=True)[:200]))
    return path


KINDS: dict[str, Kind] = {
    "episode": Kind(_episode, _read_episode),
    "episode of before": Kind(
        _copy(next((BEFORE / "episodes").glob("*.mcap"))), _read_episode, (*BINARY, *TEXT[-3:])
    ),
    "controller": Kind(_sealed, _read_controller, BINARY),
    "controller of before": Kind(_copy(BEFORE / "controller.onnx"), _read_controller, BINARY),
    "controller metadata": Kind(_metadata, _read_metadata),
    "robot.toml": Kind(_robot("robot.toml"), lambda p: load_robot(p.parent)),
    "URDF": Kind(_robot("furuta.urdf"), lambda p: load_robot(p.parent)),
    "foreign URDF": Kind(
        _copy(BUILT_IN / "simple_pendulum" / "simple_pendulum.urdf"),
        lambda p: new_robot(p, p.parent / "made"),
    ),
    "results of bench learn": Kind(
        _written(
            "r.json",
            LEARNED,
        ),
        lambda p: read_results([p]),
    ),
    "reality": Kind(
        _copy(BUILT_IN / "furuta" / "realities" / "worn.toml"),
        lambda p: load_reality(p, load_robot("furuta")),
    ),
    "calibration.toml": Kind(
        _written("c.toml", CALIBRATION), lambda p: load_calibration(p, load_robot("furuta"))
    ),
    "calibration.json": Kind(
        _written("c.json", b'{"robot": "furuta", "joint_offset_rad": {"arm": 0.25}}'),
        lambda p: load_calibration(p, load_robot("furuta")),
    ),
    "config.json": Kind(_run("config.json"), _load_run),
    "lineage": Kind(_lineage, _load_run),
    "finetune.json": Kind(lambda f: _lineage(f).with_name("finetune.json"), _load_run),
    "state.json": Kind(_run("state.json"), _load_run),
    "weights": Kind(_run("weights.safetensors"), _load_run, BINARY),
    "replay": Kind(_run("replay.safetensors"), _load_run, BINARY),
    "checkpoint": Kind(_run("checkpoint.safetensors"), _load_checkpoint),
    "thresholds.json": Kind(
        _run("thresholds.json"),
        lambda p: MonitorThresholds.from_json(RunFolder(p.parent).read_object(p.name)),
    ),
    "metrics.jsonl": Kind(_run("metrics.jsonl"), lambda p: RunFolder(p.parent).metrics()),
    "CSV": Kind(_csv, _import_csv),
}
