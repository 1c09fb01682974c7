"""Settings of Soft Actor-Critic."""

from dataclasses import dataclass

from robot_mbrl.contract.errors import SettingsError, check_range


@dataclass(frozen=True)
class SacConfig:
    """Settings of the agent; the defaults learned the Furuta pendulum.

    Raises SettingsError for a number out of its range, a subset that is larger than the number of
    critics, or a dropout outside [0, 1).
    """

    actor_hidden: int = 64
    """width of the actor's two layers"""
    critic_hidden: int = 128
    """width of each critic's two layers"""
    critics: int = 2
    """C, number of critics"""
    subset: int = 0
    """M, critics drawn for each update whose minimum is its target, while the actor climbs the mean
    of all C (REDQ, Chen et al. 2021: 2 of 10); 0: the minimum of all C in both (SAC)"""
    layer_norm: bool = True
    """normalize the critics' hidden layers (DroQ); without it the plateau is lower"""
    dropout: float = 0.0
    """share of the critics' hidden units dropped while learning (DroQ, Hiraoka et al. 2022: 0.01,
    with layer_norm, 2 critics and a subset of 2)"""
    lr: float = 1e-3
    """Adam's learning rate for all networks"""
    final_lr: float = 1e-4
    """learning rate reached, geometrically, at the end of training"""
    decay_from: float = 0.67
    """fraction of training after which the learning rate starts to fall"""
    gamma: float = 0.98
    """discount per tick"""
    tau: float = 0.01
    """Polyak step of the target critics"""
    batch: int = 256
    """rows in an update"""
    target_entropy: float = -2.0
    """entropy the temperature aims at, per actuator"""
    temperature: float = 0.1
    """initial temperature alpha"""
    policy_delay: int = 2
    """critic updates per actor and temperature update"""
    actor_average: float = 0.999
    """decay of the averaged actor that is evaluated and deployed"""

    def __post_init__(self) -> None:
        check_range(self, 1, 4096, "actor_hidden", "critic_hidden")
        check_range(self, 1, 100, "critics")
        check_range(self, 1, 1e6, "batch", "policy_delay")
        check_range(self, 0, 10, "lr", "final_lr")
        check_range(self, 1e-12, 1e3, "temperature")
        check_range(self, 0, 1, "decay_from", "gamma", "tau", "actor_average")
        if not 0 <= self.subset <= self.critics:
            raise SettingsError(
                f"sac.subset: expected 0 (all) to {self.critics}, the number of critics, got "
                f"{self.subset}; lower it or raise sac.critics"
            )
        if not 0 <= self.dropout < 1:
            raise SettingsError(f"sac.dropout: expected a share in [0, 1), got {self.dropout}")
