"""When the parameters of B worlds are drawn: once, at each reset, every so often, each tick."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import FloatArray, Parameters
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.contract.parameters.variation import Draw, Variation, sample_parameters
from sim.laws.per_world import State


@dataclass(frozen=True)
class Redrawn:
    """New values (n,) each of some parameters in worlds `ids` (n,)."""

    ids: np.ndarray
    values: Parameters


class ParameterSchedule:
    """Draws what robot.toml's [randomization] says when it says so.

    Attributes:
        variations: of the parameters that vary.
        built: what each world keeps for ever, (B,) each by path.

    Args:
        spec: the robot.
        variations: of the parameters that vary; the others stay nominal.
        num_worlds: B.
        rng: draws what each world keeps for ever.
    """

    def __init__(
        self,
        spec: RobotSpec,
        variations: dict[str, Variation],
        num_worlds: int,
        rng: np.random.Generator,
    ) -> None:
        self._nominal, self._rate_hz = spec.nominal, spec.control.rate_hz
        self.variations = variations
        built = {p: v for p, v in variations.items() if v.when == "build"}
        drawn = sample_parameters(built, self._nominal, rng, num_worlds)
        self.built: Parameters = {path: drawn[path] for path in built}
        self._streams = _streams(variations)
        self._due = np.full((len(self._streams), num_worlds), np.inf)  # in ticks of the episode

    @property
    def changes(self) -> bool:
        """Whether anything is drawn within an episode."""
        return bool(self._streams)

    def set_ranges(self, variations: dict[str, Variation]) -> None:
        """Draw from other ranges from now on.

        Raises SettingsError unless the same parameters vary at the same times in the same groups.
        """

        def times(of: dict[str, Variation]) -> dict[str, tuple[object, ...]]:
            return {p: (v.when, v.every_s, v.group) for p, v in of.items()}

        if times(variations) != times(self.variations):
            raise SettingsError(
                "expected other ranges of the same parameters, with the same `when`, `every_s` and "
                f"`group`: {', '.join(self.variations)}; got {', '.join(variations)}"
            )
        self.variations = variations

    def draw(self, rng: np.random.Generator, size: int) -> Parameters:
        """All parameters of `size` worlds at a reset, (size,) each; see also `keep_built`."""
        anew = {p: v for p, v in self.variations.items() if v.when != "build"}
        return sample_parameters(anew, self._nominal, rng, size)

    def keep_built(self, drawn: Parameters, ids: np.ndarray) -> Parameters:
        """`drawn` (n,) each with what worlds `ids` (n,) keep for ever."""
        return drawn | {path: values[ids] for path, values in self.built.items()}

    def start(self, ids: np.ndarray, rng: np.random.Generator, given: Iterable[str] = ()) -> None:
        """Worlds `ids` (n,) begin an episode; parameters `given` stay as they are in it."""
        chosen = set(given)
        for k, stream in enumerate(self._streams):
            held = chosen & set(stream)
            self._due[k, ids] = np.inf if held else self._pause(stream, rng, len(ids))

    def redraw(self, ticks: np.ndarray, rng: np.random.Generator) -> list[Redrawn]:
        """What changes now that the worlds' episodes are `ticks` (B,) old."""
        redrawn = []
        for k, stream in enumerate(self._streams):
            ids = np.flatnonzero(ticks >= self._due[k])
            if len(ids):
                draw = Draw(rng, len(ids))
                redrawn.append(Redrawn(ids, {p: draw.values(self.variations[p]) for p in stream}))
                self._due[k, ids] = ticks[ids] + self._pause(stream, rng, len(ids))
        return redrawn

    def get_state(self) -> State:
        """What each world keeps for ever, and when it changes next; plain arrays. The ranges, which
        `set_ranges` gave, are not among them."""
        state = {f"schedule.built.{path}": values.copy() for path, values in self.built.items()}
        return state | {"schedule.due": self._due.copy()}

    def set_state(self, state: State) -> None:
        """Go on from what `get_state` gave."""
        for path, values in self.built.items():
            values[:] = state[f"schedule.built.{path}"]
        self._due[:] = state["schedule.due"]

    def _pause(self, stream: tuple[str, ...], rng: np.random.Generator, size: int) -> FloatArray:
        """Ticks until the next draw, (size,)."""
        every_s = self.variations[stream[0]].every_s
        if every_s is None:
            return np.ones(size)
        pause: FloatArray = np.ceil(rng.uniform(*every_s, size) * self._rate_hz - 1e-9)
        return pause


def _streams(variations: dict[str, Variation]) -> list[tuple[str, ...]]:
    """What changes within an episode: parameters drawn at the same moments, one group each."""
    streams: dict[str, list[str]] = {}
    for path, variation in variations.items():
        if variation.when in ("interval", "step"):
            name = f"group {variation.group}" if variation.group else path
            streams.setdefault(name, []).append(path)
    return [tuple(paths) for paths in streams.values()]
