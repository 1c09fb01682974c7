"""The exported controller: one ONNX file run by onnxruntime, its plan and generator held here.

Shapes: O observation columns, A actuators, H horizon, N candidate plans, I planner iterations.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import Float32, FloatArray, check_finite, check_shape
from robot_mbrl.contract.errors import DataError, NotFiniteError, PlannerError
from robot_mbrl.contract.files.read_file import read_bytes
from robot_mbrl.onboard.controller.metadata import ControllerMetadata
from robot_mbrl.onboard.controller.model_seal import check_seal
from robot_mbrl.onboard.controller.output import INPUTS, METADATA_KEY, OUTPUTS, ControllerOutput

ERROR_ONLY = 3
MOST_BYTES = 512 * 2**20


class OnnxController:
    """A loaded controller.onnx. `act` carries the plan from tick to tick, `act_with` is pure."""

    def __init__(
        self, session: Any, metadata: ControllerMetadata, rng: np.random.Generator, source: str
    ) -> None:
        """Use `load_controller`."""
        self.metadata = metadata
        self._session = session
        self._rng = rng
        shapes = {i.name: tuple(i.shape) for i in session.get_inputs()}
        outputs = {o.name for o in session.get_outputs()}
        _check_graph(shapes, outputs, metadata, source)
        self.plan_shape: tuple[int, int] = shapes["plan"]
        self.noise_shape: tuple[int, int, int, int] = shapes["noise"]
        self._noise: Float32 = np.zeros(self.noise_shape, dtype=np.float32)
        self._plan: Float32 = np.zeros(self.plan_shape, dtype=np.float32)

    @property
    def plan(self) -> Float32:
        """The warm start of the next `act`, (H, A)."""
        return self._plan.copy()

    def reset(self) -> None:
        """Forget the plan; at the start of an episode."""
        self._plan = np.zeros(self.plan_shape, dtype=np.float32)

    def act(self, observation: FloatArray) -> ControllerOutput:
        """Plan from observation (O,), starting from the last plan; errors as in `act_with`."""
        self._rng.standard_normal(dtype=np.float32, out=self._noise)
        output = self.act_with(observation, self._plan, self._noise)
        self._plan = output.plan
        return output

    def act_with(self, observation: FloatArray, plan: Float32, noise: Float32) -> ControllerOutput:
        """Plan from observation (O,), plan (H, A) and noise (I, N, H, A); changes nothing.

        Raises:
            ShapeError: another shape than the graph's.
            NotFiniteError: an observation with NaN or infinity, naming the column, or an output.
            PlannerError: the graph failed.
        """
        check_shape("observation", observation, (len(self.metadata.columns),))
        check_shape("plan", plan, self.plan_shape)
        check_shape("noise", noise, self.noise_shape)
        check_finite("observation", observation, self.metadata.columns)
        start = time.perf_counter()
        feeds = {
            "observation": np.asarray(observation, dtype=np.float32),
            "plan": np.asarray(plan, dtype=np.float32),
            "noise": np.asarray(noise, dtype=np.float32),
        }
        try:
            values = dict(zip(OUTPUTS, self._session.run(list(OUTPUTS), feeds), strict=True))
        except Exception as error:  # onnxruntime's errors share no public base
            raise PlannerError(f"the controller's graph failed: {error}") from error
        for name, value in values.items():
            if not np.isfinite(value).all():
                raise NotFiniteError(
                    f"the controller's output {name!r} is not finite: {value}; the observation "
                    "may lie far outside of what it was trained on"
                )
        elapsed = time.perf_counter() - start
        return ControllerOutput(
            action=values["action"].astype(np.float64),
            plan=values["plan_next"],
            predicted_mean=values["predicted_mean"].astype(np.float64),
            predicted_std=values["predicted_std"].astype(np.float64),
            disagreement=values["disagreement"].astype(np.float64),
            value=float(values["value"]),
            plan_time_s=elapsed,
        )


def load_controller(
    path: str | Path, spec: RobotSpec | None = None, *, seed: int = 0
) -> OnnxController:
    """Read a controller.onnx.

    Args:
        path: the file.
        spec: the robot it shall drive; checked against what the controller was made for.
        seed: of the planner's noise.

    Raises:
        DataError: no such file, no ONNX model, or no controller of ours.
        ContractMismatchError: made for another robot description, naming what differs.
    """
    path = Path(path)
    data = read_bytes(path, most=MOST_BYTES)
    check_seal(data, str(path))
    try:
        session = onnxruntime.InferenceSession(
            data, sess_options=_one_thread(), providers=["CPUExecutionProvider"]
        )
        custom = session.get_modelmeta().custom_metadata_map
    except Exception as error:  # onnxruntime's errors share no public base
        raise DataError(f"{path}: not a readable ONNX model ({error})") from error
    if METADATA_KEY not in custom:
        raise DataError(
            f"{path}: an ONNX model without the metadata {METADATA_KEY!r}; "
            "expected one written by `robot-mbrl export`"
        )
    metadata = ControllerMetadata.from_json(custom[METADATA_KEY], str(path))
    if spec is not None:
        metadata.check_robot(spec, str(path))
    return OnnxController(session, metadata, np.random.default_rng(seed), str(path))


def _one_thread() -> Any:
    """One thread that never spins: the loop shares its processor with the link and the recorder."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = ERROR_ONLY
    return options


def _check_graph(
    shapes: dict[str, tuple[Any, ...]],
    outputs: set[str],
    metadata: ControllerMetadata,
    source: str,
) -> None:
    """Raise DataError unless inputs and outputs are those of a controller, with fixed shapes."""
    for name, rank in INPUTS.items():
        shape = shapes.get(name)
        fixed = shape is not None and all(isinstance(n, int) for n in shape)
        if shape is None or not fixed or len(shape) != rank:
            raise DataError(
                f"{source}: input {name!r}: expected {rank} fixed dimensions, got {shape}"
            )
    missing = [name for name in OUTPUTS if name not in outputs]
    if missing:
        raise DataError(f"{source}: the graph lacks the outputs {', '.join(missing)}")
    observations, actions = len(metadata.columns), len(metadata.actions)
    fits = shapes["observation"] == (observations,) and shapes["plan"][1] == actions
    if not fits or shapes["noise"][2:] != shapes["plan"]:
        raise DataError(
            f"{source}: the graph takes {shapes}, its metadata names {observations} observation "
            f"columns and {actions} actuators; export it again"
        )
