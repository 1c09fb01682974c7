"""A run folder: config.json, weights.safetensors, replay.safetensors, state.json, metrics.jsonl,
TensorBoard.

An interrupted run continues from its checkpoint.safetensors.

Everything needed to continue or to finetune is in it, and nothing in it is pickled.
"""

import dataclasses
import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from robot_mbrl.agents.mbpo import Mbpo, MbpoConfig
from robot_mbrl.agents.pets import Pets
from robot_mbrl.contract import ObservationLayout, RobotSpec, load_robot
from robot_mbrl.contract.errors import ContractMismatchError, DataError
from robot_mbrl.data.replay import ReplayBuffer
from robot_mbrl.models.learned_task import LearnedTask
from robot_mbrl.runs.settings import from_dict
from robot_mbrl.tasks import make_task

CHECKPOINT = "checkpoint.safetensors"
THRESHOLDS = "thresholds.json"
OPTIMIZERS = ("actor_optimizer", "critic_optimizer")


def network_tensors(agent: Mbpo | Pets) -> dict[str, Tensor]:
    """Weights and buffers of every network of the agent, by name."""
    modules: dict[str, nn.Module] = {"model": agent.model}
    if isinstance(agent.task, LearnedTask):
        modules["task"] = agent.task
    if isinstance(agent, Mbpo):
        sac = agent.sac
        modules |= {"actor": sac.actor, "average": sac.average}
        modules |= {"critics": sac.critics, "targets": sac.targets}
    tensors = {f"{m}.{n}": t for m, net in modules.items() for n, t in net.state_dict().items()}
    if isinstance(agent, Mbpo):
        tensors["log_temperature"] = agent.sac.log_temperature.detach()
    return tensors


def load_networks(agent: Mbpo | Pets, tensors: dict[str, Tensor]) -> None:
    """Put tensors saved by `network_tensors` back. Raises DataError when they do not fit."""
    agent.model.elites = tensors["model.elites"].clone()
    for name, tensor in network_tensors(agent).items():
        if name == "model.spread_scale" and name not in tensors:
            continue  # a run from before it: 1
        if name not in tensors or tensors[name].shape != tensor.shape:
            raise DataError(
                f"weights: {name} is missing or has another shape; "
                "the run was made with another robot or configuration"
            )
        with torch.no_grad():
            tensor.copy_(tensors[name])


def optimizer_tensors(agent: Mbpo) -> dict[str, Tensor]:
    """Adam's moments and step counters, by name."""
    tensors: dict[str, Tensor] = {}
    for name in OPTIMIZERS:
        for index, state in getattr(agent.sac, name).state_dict()["state"].items():
            tensors |= {f"{name}.{index}.{key}": value for key, value in state.items()}
    return tensors


def load_optimizers(agent: Mbpo, tensors: dict[str, Tensor]) -> None:
    """Put tensors saved by `optimizer_tensors` back. Raises DataError when they do not fit."""
    for name in OPTIMIZERS:
        optimizer = getattr(agent.sac, name)
        sizes = [p.numel() for group in optimizer.param_groups for p in group["params"]]
        state: dict[int, dict[str, Tensor]] = {}
        for key, value in tensors.items():
            if key.startswith(name + "."):
                _, index, entry = key.split(".")
                state.setdefault(int(index), {})[entry] = value
        if any(k >= len(sizes) or s["exp_avg"].numel() != sizes[k] for k, s in state.items()):
            raise DataError(
                f"checkpoint: moments of {name} do not fit {sizes} weights; it was written with "
                "another configuration or version; start the run anew in another folder"
            )
        whole = optimizer.state_dict()
        optimizer.load_state_dict({"state": state, "param_groups": whole["param_groups"]})


def tensors_under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those whose name begins with the prefix, without it."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


class RunFolder:
    """Reads and writes one run; every file is replaced whole, so a kill leaves the previous one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def create(self, spec: RobotSpec, mbpo: MbpoConfig, seed: int, **more: Any) -> None:
        """Make the folder and save the resolved configuration."""
        self.path.mkdir(parents=True, exist_ok=True)
        head = {
            "robot": spec.name,
            "robot_folder": str(spec.folder.resolve()),
            "fingerprint": spec.fingerprint,
            "mbpo": dataclasses.asdict(mbpo),
            "seed": seed,
        }
        self.write_json("config.json", head | more)

    def save_agent(self, agent: Mbpo, **state: Any) -> None:
        """Save networks, transitions and generators; `state.json`, written last, makes it valid."""
        self.write_tensors("weights.safetensors", network_tensors(agent))
        self.save_replay(agent.real)
        self.write_json("state.json", state | {"generators": generator_state(agent)})

    def write_json(self, name: str, value: Any) -> None:
        """Write a JSON file whole or not at all."""
        temporary = self.path / (name + ".tmp")
        temporary.write_text(json.dumps(value, indent=1), encoding="utf-8")
        os.replace(temporary, self.path / name)

    def read_json(self, name: str) -> Any:
        """Read a JSON file of the run. Raises DataError."""
        try:
            return json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise DataError(
                f"{self.path / name}: no such file; is this a run folder made by "
                "`robot-mbrl pretrain` or `finetune`, and did it finish?"
            ) from error
        except ValueError as error:
            raise DataError(f"{self.path / name}: broken JSON: {error}") from error

    def save_checkpoint(self, agent: Mbpo, **state: Any) -> None:
        """Save what continuing needs in one file, so that a kill never leaves halves of two
        checkpoints.

        Call after `save_agent`: transitions stay in its file, as they only grow while a run lasts.
        """
        state |= {"generators": generator_state(agent), "transitions": agent.real.added}
        tensors = {f"network.{k}": v for k, v in network_tensors(agent).items()}
        tensors |= {f"optimizer.{k}": v for k, v in optimizer_tensors(agent).items()}
        self.write_tensors(CHECKPOINT, tensors, {"state": json.dumps(state)})

    def load_checkpoint(self, agent: Mbpo) -> dict[str, Any]:
        """Put a checkpoint back into the agent; returns its state. Raises DataError."""
        tensors, state = self.read_tensors(CHECKPOINT), self.read_state(CHECKPOINT)
        load_networks(agent, tensors_under("network.", tensors))
        load_optimizers(agent, tensors_under("optimizer.", tensors))
        self.load_replay(agent.real)
        agent.real.added = state["transitions"]
        load_generator_state(agent, state["generators"])
        return state

    def write_tensors(
        self, name: str, tensors: dict[str, Tensor], metadata: dict[str, str] | None = None
    ) -> None:
        """Write a safetensors file whole or not at all."""
        temporary = self.path / (name + ".tmp")
        save_file({k: v.contiguous() for k, v in tensors.items()}, temporary, metadata)
        os.replace(temporary, self.path / name)

    def read_tensors(self, name: str) -> dict[str, Tensor]:
        """Read a safetensors file of the run. Raises DataError."""
        try:
            return load_file(self.path / name)
        except (FileNotFoundError, SafetensorError) as error:
            raise DataError(f"{self.path / name}: cannot be read: {error}") from error

    def read_state(self, name: str) -> dict[str, Any]:
        """The JSON that a checkpoint carries beside its tensors."""
        with safe_open(self.path / name, "pt") as file:
            state: dict[str, Any] = json.loads(file.metadata()["state"])
        return state

    def log(self, record: dict[str, Any]) -> None:
        """Append one line to metrics.jsonl."""
        with (self.path / "metrics.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")

    def metrics(self) -> list[dict[str, Any]]:
        """Every line of metrics.jsonl."""
        file = self.path / "metrics.jsonl"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def forget_metrics_after(self, updates: int) -> None:
        """Drop lines of a continued run that will be logged again: later updates, and the fit."""
        kept = [m for m in self.metrics() if m.get("updates", math.inf) <= updates]
        temporary = self.path / "metrics.jsonl.tmp"
        temporary.write_text("".join(json.dumps(m) + "\n" for m in kept), encoding="utf-8")
        os.replace(temporary, self.path / "metrics.jsonl")

    def save_replay(self, buffer: ReplayBuffer) -> None:
        """Save the rows of a buffer."""
        rows = torch.as_tensor(buffer.rows[: len(buffer)])
        self.write_tensors(
            "replay.safetensors", {"rows": rows, "added": torch.tensor(buffer.added)}
        )

    def load_replay(self, buffer: ReplayBuffer) -> None:
        """Fill a buffer from the run."""
        tensors = self.read_tensors("replay.safetensors")
        rows = tensors["rows"].numpy()
        if rows.shape[1] != buffer.rows.shape[1] or len(rows) > buffer.capacity:
            raise DataError(
                f"{self.path}: replay has rows {rows.shape}, expected {buffer.rows.shape}"
            )
        buffer.rows[: len(rows)] = rows
        buffer.added = int(tensors["added"])


def generator_state(agent: Mbpo) -> dict[str, Any]:
    """JSON-able state of the agent's generators and counters."""
    return {
        "numpy": agent.rng.bit_generator.state,
        "torch": agent.torch_rng.get_state().tolist(),
        "sac_updates": agent.sac.updates,
        "disagreement_limit": agent.disagreement_limit
        if np.isfinite(agent.disagreement_limit)
        else None,
    }


def load_generator_state(agent: Mbpo, state: dict[str, Any]) -> None:
    """Put state saved by `generator_state` back."""
    agent.rng.bit_generator.state = state["numpy"]
    agent.torch_rng.set_state(torch.tensor(state["torch"], dtype=torch.uint8))
    agent.sac.updates = state["sac_updates"]
    limit = state["disagreement_limit"]
    agent.disagreement_limit = np.inf if limit is None else limit


def load_agent(path: Path, spec: RobotSpec | None = None) -> tuple[Mbpo, RobotSpec]:
    """Read a finished run: agent with its simulated transitions, and the robot it is for.

    Raises DataError for a broken or unfinished run, ContractMismatchError when the robot's
    description has changed since.
    """
    folder = RunFolder(path)
    head = folder.read_json("config.json")
    state = folder.read_json("state.json")
    if not state.get("finished"):
        raise DataError(f"{path}: this run is not finished; continue it with `robot-mbrl pretrain`")
    spec = spec or load_robot(head["robot_folder"])
    if spec.fingerprint != head["fingerprint"]:
        raise ContractMismatchError(
            f"{path}: made for robot {head['robot']!r} with fingerprint {head['fingerprint']}, the "
            f"description in {spec.folder} has {spec.fingerprint}; pretrain again"
        )
    config = from_dict(MbpoConfig, head["mbpo"])
    rows = folder.read_tensors("replay.safetensors")["rows"]
    layout = ObservationLayout.from_spec(spec)
    agent = Mbpo(layout, make_task(spec), config, max(len(rows), 1), head["seed"])
    load_networks(agent, folder.read_tensors("weights.safetensors"))
    folder.load_replay(agent.real)
    load_generator_state(agent, state["generators"])
    return agent, spec
