"""A controller that shows what it does while it runs."""

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.onboard.controller.output import Controller, ControllerOutput


class WatchedController:
    """Keeps what another controller last saw and decided; costs two assignments a tick.

    Attributes:
        ticks: decisions of this episode.
        last: the newest observation (O,) and what was decided from it; None before the first.
    """

    def __init__(self, controller: Controller) -> None:
        self._controller = controller
        self.ticks = 0
        self.last: tuple[FloatArray, ControllerOutput] | None = None

    def reset(self) -> None:
        """Start an episode."""
        self.ticks, self.last = 0, None
        self._controller.reset()

    def act(self, observation: FloatArray) -> ControllerOutput:
        """Decide from observation (O,)."""
        output = self._controller.act(observation)
        self.last = (observation, output)
        self.ticks += 1
        return output
