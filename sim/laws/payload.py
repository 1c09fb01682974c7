"""Point masses fixed to links, on the line from the link's joint through its centre of mass."""

import numpy as np

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.arrays import Parameters
from robot_mbrl.contract.parameters.effects import effect_values, names_any
from sim.laws.per_world import PerWorld


class Payloads(PerWorld):
    """Payloads of B worlds: which links get how much, where and when.

    Attributes:
        mass_kg: of each link's payload, (B, L).
        distance_m: from the link's joint, (B, L); NaN is twice that of the centre of mass.
        there: whether it has arrived, (B, L).

    Args:
        spec: the robot.
        num_worlds: B.
    """

    drawn = ("mass_kg", "distance_m", "_at_s")
    moving = ("_age_s", "there")

    def __init__(self, spec: RobotSpec, num_worlds: int) -> None:
        self._names = spec.links
        self._links = [f"links.{link}.payload_" for link in spec.links]
        shape = (num_worlds, len(self._links))
        self.mass_kg, self.distance_m, self._at_s = np.zeros((3, *shape))
        self._age_s, self.there = np.zeros(num_worlds), np.zeros(shape, dtype=bool)

    @staticmethod
    def needed(parameters: dict[str, float]) -> bool:
        """Whether any link ever gets one."""
        keys = ("payload_kg", "payload_at_s", "payload_distance_m")
        return names_any(parameters, "links", keys)

    def set_parameters(self, parameters: Parameters, ids: np.ndarray) -> None:
        """Give worlds `ids` (n,) parameters (n,) each."""
        columns = ((self.mass_kg, "kg"), (self.distance_m, "distance_m"), (self._at_s, "at_s"))
        for array, key in columns:
            for k, link in enumerate(self._links):
                array[ids, k] = effect_values(parameters, link + key, len(ids))

    def start(self, ids: np.ndarray) -> None:
        """Worlds `ids` (n,) begin an episode: nothing has arrived yet."""
        self._age_s[ids], self.there[ids] = 0.0, False

    def arrive(self, seconds: float) -> np.ndarray:
        """Let a control period begin that takes so long; returns what has arrived since the last
        one, (B, L)."""
        due = (self._age_s[:, None] >= self._at_s - 1e-9) & (self.mass_kg > 0) & ~self.there
        self.there |= due
        self._age_s += seconds
        arrived: np.ndarray = due
        return arrived

    def of_world(self, world: int) -> dict[str, tuple[float, float]]:
        """What is fixed to the links of one world: mass in kg, and distance in m, by link."""
        there = np.flatnonzero(self.there[world])
        parts = [(self._names[k], self.mass_kg[world, k], self.distance_m[world, k]) for k in there]
        return {link: (float(mass), float(distance)) for link, mass, distance in parts}
