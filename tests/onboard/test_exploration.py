import numpy as np

from robot_mbrl.onboard import ControllerOutput
from robot_mbrl.onboard.exploration import ExploringController, RandomController


class Constant:
    """Always the same action."""

    def __init__(self, action: float) -> None:
        self.action = np.array([action])
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1

    def act(self, observation) -> ControllerOutput:
        return ControllerOutput(
            self.action,
            np.zeros((3, 1), np.float32),
            observation,
            observation,
            np.ones(3),
            0.0,
            0.0,
        )


def test_the_explored_action_stays_in_range_and_its_prediction_is_unknown():
    explorer = ExploringController(Constant(0.9), 1, 1.0, np.random.default_rng(0))
    explorer.reset()
    outputs = [explorer.act(np.zeros(4)) for _ in range(100)]
    actions = np.array([o.action[0] for o in outputs])
    assert actions.max() == 1.0 and actions.min() < 0.5
    assert np.isnan(outputs[0].predicted_mean).all()
    assert outputs[0].disagreement.tolist() == [1, 1, 1]


def test_reset_reaches_the_controller():
    inner = Constant(0.0)
    ExploringController(inner, 1, 0.1, np.random.default_rng(0)).reset()
    assert inner.resets == 1


def test_the_same_generator_gives_the_same_random_actions():
    def actions(seed: int) -> list[float]:
        controller = RandomController(4, 1, 0.5, np.random.default_rng(seed))
        controller.reset()
        return [float(controller.act(np.zeros(4)).action[0]) for _ in range(5)]

    assert actions(1) == actions(1)
    assert actions(1) != actions(2)
