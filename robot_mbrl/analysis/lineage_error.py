"""Does the model get better from one run to the next? Each of a line of runs on the same data."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from robot_mbrl.agents.mbpo import Mbpo
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.observation.protocol import joint_units
from robot_mbrl.data.windows import Windows
from robot_mbrl.models.ensemble.uncertainty import estimate_uncertainty
from robot_mbrl.models.judging.open_loop import open_loop_error
from robot_mbrl.runs.lineage import ancestors
from robot_mbrl.runs.load_agent import load_agent

TICKS = 10


@dataclass(frozen=True)
class LineageError:
    """A line of runs, oldest first; one entry where the run was not made from another.

    Attributes:
        runs: folders.
        joints: names of the columns.
        units: of the columns, "rad" or "m".
        error_rad: root mean square position error after `TICKS` ticks, (runs, J).
        disagreement: median over windows, (runs,), in each run's own unit.
    """

    runs: tuple[Path, ...]
    joints: tuple[str, ...]
    units: tuple[str, ...]
    error_rad: FloatArray
    disagreement: FloatArray


def measure_lineage_error(
    run: Path, agent: Mbpo, spec: RobotSpec, windows: Windows
) -> LineageError:
    """Evaluate the run and its ancestors on the same windows; `agent` is the run's, `spec` the
    robot of all."""
    line = ancestors(run)
    short = windows.first(TICKS)
    errors, spreads = [], []
    for path in line:
        model = (agent if path == run else load_agent(path, spec)[0]).model
        errors.append(open_loop_error(model, short).rms_rad[-1])
        uncertainty = estimate_uncertainty(model, short.obs[:, 0], short.action[:, 0])
        spreads.append(np.median(uncertainty.disagreement))
    units = joint_units(agent.layout)
    found = np.stack(errors), np.array(spreads)
    return LineageError(tuple(line), agent.layout.joints, units, *found)
