"""The seam between physics engines and everything else: B worlds of one robot."""

from collections.abc import Collection
from typing import Literal, Protocol, get_args

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import BoolArray, FloatArray, Parameters
from robot_mbrl.contract.errors import SettingsError
from sim.laws.delay_line import EVERY
from sim.laws.per_world import State

Backend = Literal["mujoco", "pybullet"]


class Worlds(Protocol):
    """Physics of B worlds: parameters in, commands in, measured joint angles out.

    J joints and A actuators in the order of the spec; angles in rad.
    """

    spec: RobotSpec

    def reset(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Give worlds `ids` (n,), sorted, new parameters (n,) each and their initial state.

        Raises SpecError for a latency longer than any that robot.toml names.
        """

    def change(self, parameters: Parameters, ids: np.ndarray, paths: Collection[str]) -> None:
        """Go on with worlds `ids` (n,), sorted, under parameters (n,) each, of which those at
        `paths` are new: state, commands and measurements on their way stay.

        Raises SpecError as `reset`.
        """

    def step(
        self,
        action: FloatArray | None,
        substeps: int | None = None,
        rng: np.random.Generator | None = None,
    ) -> None:
        """Advance every world under actions (B, A) in [-1, 1] by `substeps` physics steps, by
        default one control period. None goes on with the newest commands. What happens by chance
        is drawn from `rng`; without one it does not happen."""

    def enable(self, motors: BoolArray) -> None:
        """Switch motors (B, A) on and the others off, at once, as the contract means it: commands
        on their way are gone, those that are on hold their neutral command. A reset switches a
        world's motors on."""

    def prepare(self, parameters: Parameters) -> None:
        """Build n worlds aside, parameters (n,) each, for `renew`. Raises SpecError as `reset`."""

    def measure_prepared(self, rng: np.random.Generator) -> FloatArray:
        """What the encoders of the n worlds prepared say first, (n, J) in rad."""

    def renew(self, rows: slice, ids: np.ndarray) -> None:
        """Replace worlds `ids` (n,), sorted, by those at `rows` of the ones prepared."""

    def measure(self, rng: np.random.Generator, ids: np.ndarray | slice = EVERY) -> FloatArray:
        """What the encoders of worlds `ids` (n,) say: delayed, noisy, quantized joint angles (n,
        J) in rad."""

    def unstable(self) -> np.ndarray:
        """Which worlds blew up since they were reset, (B,): an angle or a velocity became NaN or
        larger than 1e10 rad or rad/s. They stand still, and show nothing real, until a reset."""

    def true_state(self) -> tuple[FloatArray, FloatArray]:
        """True joint angles and velocities, (B, J) each."""

    def set_true_state(
        self, q: FloatArray, v: FloatArray, ids: np.ndarray, action: FloatArray | None = None
    ) -> None:
        """Put worlds `ids` (n,) at joint angles q (n, J) and velocities v (n, J).

        `action` (n, A) in [-1, 1] is what was applied before; by default nothing was.
        """

    def get_state(self) -> State:
        """All that decides what comes next, beside the parameters; plain arrays."""

    def set_state(self, state: State, parameters: Parameters) -> None:
        """Go on from what `get_state` gave, with the parameters (B,) each that held then."""

    def close(self) -> None:
        """Release the engine and end its threads and processes; calling it twice does no harm."""


def make_worlds(
    spec: RobotSpec, num_worlds: int, *, backend: str = "mujoco", threads: int = 0
) -> Worlds:
    """B worlds in the engine of that name.

    `threads` is what works in parallel, threads of MuJoCo or processes of PyBullet; 0 takes one per
    core. Raises SettingsError for an unknown backend or one that is not installed.
    """
    # engines are imported when they are asked for: each is large, and one may be missing
    if backend == "mujoco":
        from sim.mujoco_engine.worlds import MujocoWorlds

        return MujocoWorlds(spec, num_worlds, threads=threads)
    if backend == "pybullet":
        from sim.bullet_engine.worlds import BulletWorlds

        return BulletWorlds(spec, num_worlds, processes=threads)
    known = ", ".join(repr(name) for name in get_args(Backend))
    raise SettingsError(f"backend {backend!r} is unknown; expected one of {known}")
