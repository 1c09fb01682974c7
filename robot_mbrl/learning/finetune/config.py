"""Settings of finetuning, and what it reports: one set of defaults, whatever was recorded."""

from collections.abc import Callable
from dataclasses import dataclass

from robot_mbrl.contract.errors import SettingsError, check_range
from robot_mbrl.models.fitting.fit import FitConfig

Progress = Callable[[str, int, int, dict[str, float]], None]
"""(stage, done, total, numbers)"""


def no_progress(stage: str, done: int, total: int, numbers: dict[str, float]) -> None:
    """Report nothing."""


@dataclass(frozen=True)
class FinetuneConfig:
    """Settings of finetuning."""

    holdout: float = 0.2
    """share kept out of training, at least one episode or part"""
    whole_episodes: int = 4
    """from so many usable episodes on whole ones are kept out; of fewer, such as one long log,
    parts"""
    part_ticks: int = 60
    """length of the parts that episodes are cut into where they are few; many short parts, so that
    no single push by hand decides what is kept"""
    real_shares: tuple[float, ...] = (0.9, 0.7, 0.5, 0.3, 0.1)
    """shares of real rows, and of real windows, in a batch, of each member in turn; the rest is
    simulated, or the model forgets what these episodes do not show. Scarce episodes mislead in one
    way and a simulator in another: members that lean to either err less in the mean"""
    posterior: bool = True
    """simulate in the worlds that explain the episodes; otherwise in any of the pretraining"""
    simulated_windows: int = 4000
    """the simulator's windows to draw from"""
    error_steps: int = 10
    """ticks ahead at which models are compared"""
    fit: FitConfig = FitConfig(
        steps=1500,
        lr=5e-3,
        check_every=50,
        patience=10,
        bootstrap=False,
        input_noise=0.02,
        multistep_weight=3.0,
    )
    """the ensemble's fit, from the pretrained weights"""
    dry_friction: bool = True
    """give the model dry friction if it has none: real joints have more of it than simulated
    ones"""
    updates: int = 7000
    """SAC updates in the accepted model"""
    lr: float = 5e-4
    """learning rate of these updates at the start"""
    real_row_share: float = 0.1
    """share of real rows in the batches of these updates"""
    simulated_row_share: float = 0.4
    """share of simulated rows, an anchor where no real data lead; the rest is imagined"""
    real_start_share: float = 0.5
    """share of imagined rollouts that start at real observations; the rest start at simulated
    ones"""
    model: str = "finetuned"
    """"finetuned", or a control: "pretrained" keeps the old model, "scratch" trains a new one"""
    seed: int = 0
    """of every generator"""

    def __post_init__(self) -> None:
        """Raises SettingsError for shares that are none, and parts too short to predict in."""
        check_range(self, 0, 1e9, "updates", "simulated_windows", "whole_episodes")
        check_range(self, 1, 1e4, "error_steps")
        check_range(self, 1e-12, 10, "lr")
        check_range(self, 0, 1, "real_row_share", "simulated_row_share", "real_start_share")
        if not self.real_shares or not all(0 <= share <= 1 for share in self.real_shares):
            raise SettingsError(
                f"real_shares: expected one or more numbers from 0 to 1, got {self.real_shares}"
            )
        if not 0 < self.holdout <= 0.5:
            raise SettingsError(f"holdout: expected a share above 0, at most 0.5: {self.holdout}")
        if self.part_ticks <= self.error_steps:
            raise SettingsError(
                f"part_ticks: expected more than error_steps, {self.error_steps}, "
                f"got {self.part_ticks}"
            )


@dataclass(frozen=True)
class FinetuneReport:
    """What finetuning did.

    Attributes:
        accepted: the held-out error improved; otherwise everything is as before.
        error_before_rad: held-out k-step error of the model that came in.
        error_after_rad: of the fitted one.
        train_transitions: real transitions learned from.
        holdout_transitions: real transitions kept out.
        holdout_episodes: names of the episodes kept out; none where parts of each were.
    """

    accepted: bool
    error_before_rad: float
    error_after_rad: float
    train_transitions: int
    holdout_transitions: int
    holdout_episodes: tuple[str, ...]
