"""What a dynamics model is made of, and how it is made of it."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from robot_mbrl.contract.errors import check_range
from robot_mbrl.contract.observation.protocol import Layout
from robot_mbrl.models.ensemble.ensemble import ActivationName, DynamicsEnsemble, ModelKind


@dataclass(frozen=True)
class EnsembleConfig:
    """Size of the dynamics model."""

    RENAMED: ClassVar = {"sticks": "dry_friction"}

    members: int = 5
    """E, independent networks; 1 is a single model, which never disagrees"""
    hidden: int = 96
    """width of their hidden layers"""
    dry_friction: bool = False
    """dry friction as a part of the model: for robots that rest by friction; costs a little time"""
    kind: ModelKind = "gaussian"
    """gaussian: mean and noise by likelihood; deterministic: the mean alone by squared error"""
    layers: int = 2
    """number of hidden layers, at least 1"""
    activation: ActivationName = "silu"
    """of the hidden layers; relu plans faster, but its models have kinks"""

    def __post_init__(self) -> None:
        check_range(self, 1, 100, "members")
        check_range(self, 1, 4096, "hidden")
        check_range(self, 0, 32, "layers")  # 0 is refused where it is made


def make_ensemble(layout: Layout, config: EnsembleConfig, rng: torch.Generator) -> DynamicsEnsemble:
    """An untrained model of the configured kind. Raises SettingsError for one that cannot be."""
    return DynamicsEnsemble(
        layout,
        config.members,
        config.hidden,
        rng,
        dry_friction=config.dry_friction,
        kind=config.kind,
        depth=config.layers,
        activation=config.activation,
    )


def config_of(model: DynamicsEnsemble) -> EnsembleConfig:
    """The settings that make a model of the same kind and size."""
    return EnsembleConfig(
        model.members, model.hidden, model.dry_friction, model.kind, model.depth, model.activation
    )
