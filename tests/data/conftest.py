from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from robot_mbrl.contract import ObservationLayout, RobotSpec, load_robot
from robot_mbrl.data import EpisodeHeader, EpisodeWriter, Tick


@pytest.fixture
def spec() -> RobotSpec:
    return load_robot("furuta")


@pytest.fixture
def header(spec: RobotSpec) -> EpisodeHeader:
    return EpisodeHeader.from_spec(
        spec, kind="deploy", created="2026-01-02T03:04:05", lineage={"run": "a"}
    )


@pytest.fixture
def make_tick(spec: RobotSpec) -> Callable[..., Tick]:
    columns = ObservationLayout.from_spec(spec).size

    def make(row: int, **changes: object) -> Tick:
        values = {
            "index": row,
            "host_time_s": 1000.0 + 0.02 * row,
            "device_time_s": 3.0 + 0.02 * row,
            "q_rad": np.array([0.1 * row, -0.2 * row]),
            "observation": row + np.arange(columns) / 7,
            "proposed": np.array([1.5]),
            "applied": np.array([1.0 / (row + 3)]),
            "disagreement": 0.25,
            "innovation": np.array([0.5, -1.5]),
            "lateness_s": 0.001,
            "plan_time_s": 0.004,
            "flags": 0,
        }
        return Tick(**{**values, **changes})

    return make


@pytest.fixture
def write(
    tmp_path: Path, header: EpisodeHeader, make_tick: Callable[..., Tick]
) -> Callable[..., Path]:
    def write_episode(ticks: int = 5, **changes: dict[int, object]) -> Path:
        path = tmp_path / "episode.mcap"
        with EpisodeWriter(path, header) as writer:
            for i in range(ticks):
                writer.write(make_tick(i, **changes.get(f"t{i}", {})))
        return path

    return write_episode
