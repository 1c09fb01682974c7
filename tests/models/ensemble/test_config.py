"""How deep a model is and what bends it: what these change, and that older runs, which do not say
them, still load."""

import dataclasses

import pytest
import torch

from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.models.ensemble.config import EnsembleConfig, config_of, make_ensemble
from robot_mbrl.models.ensemble.ensemble import ACTIVATIONS, DynamicsEnsemble
from robot_mbrl.networks.batched_linear import BatchedLinear
from robot_mbrl.runs.settings import from_dict
from tests.support.linear_model import layout, transitions

SIZES = EnsembleConfig(members=3, hidden=7)


def build(config: EnsembleConfig) -> DynamicsEnsemble:
    return make_ensemble(layout(), config, torch.Generator().manual_seed(0))


def rows(model: DynamicsEnsemble) -> list[torch.Tensor]:
    t = transitions(11, 0)
    return [model.spread(torch.as_tensor(x)) for x in (t.obs, t.action)]


def test_the_number_of_hidden_layers_changes_the_model() -> None:
    found = {}
    for depth in (1, 2, 3):
        model = build(dataclasses.replace(SIZES, layers=depth))
        shapes = [tuple(layer.weight.shape[1:]) for layer in model.layers]
        n_in = layout().size + layout().action_size
        assert shapes == [(n_in, 7), *[(7, 7)] * (depth - 1), (7, 4)]
        found[depth] = model.residual(*rows(model))[0]
        assert config_of(model).layers == depth
    assert not torch.allclose(found[1], found[2])
    assert not torch.allclose(found[2], found[3])


def test_two_layers_are_drawn_as_ever() -> None:
    """Pretraining of earlier versions is repeated to the bit."""
    model, rng = build(SIZES), torch.Generator().manual_seed(0)
    n_in = layout().size + layout().action_size
    for layer, (a, b) in zip(model.layers, [(n_in, 7), (7, 7), (7, 4)], strict=True):
        assert torch.equal(layer.weight, BatchedLinear(3, a, b, rng).weight)
    assert {f"layers.{i}.{p}" for i in range(3) for p in ("weight", "bias")} <= set(
        model.state_dict()
    )


def test_a_run_that_does_not_say_how_deep_has_two_layers() -> None:
    saved = dataclasses.asdict(SIZES)
    other = from_dict(EnsembleConfig, saved | {"layers": 3, "activation": "relu"})
    assert (other.layers, other.activation) == (3, "relu")
    del saved["layers"], saved["activation"]
    assert from_dict(EnsembleConfig, saved) == SIZES
    assert (SIZES.layers, SIZES.activation) == (2, "silu")


def test_the_activation_changes_the_model_and_stays_with_its_copies() -> None:
    silu, relu = (build(dataclasses.replace(SIZES, activation=a)) for a in ACTIVATIONS)
    assert torch.equal(silu.layers[0].weight, relu.layers[0].weight)
    assert not torch.allclose(silu.residual(*rows(silu))[0], relu.residual(*rows(relu))[0])
    for copy in (relu, relu.elite_model(), relu.with_dry_friction()):
        assert config_of(copy).activation == "relu"
    by_hand = relu.inputs(torch.cat(rows(relu), -1))
    for layer in relu.layers[:-1]:
        by_hand = layer(by_hand).clamp(min=0)
    torch.testing.assert_close(relu.residual(*rows(relu))[0], relu.layers[-1](by_hand)[..., :2])


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_elites_and_grip_keep_the_depth(depth: int) -> None:
    model = build(dataclasses.replace(SIZES, layers=depth))
    model.elites = torch.tensor([2, 0])
    few, rubbing = model.elite_model(), model.with_dry_friction()
    assert config_of(few) == dataclasses.replace(SIZES, layers=depth, members=2)
    assert config_of(rubbing) == dataclasses.replace(SIZES, layers=depth, dry_friction=True)
    expected = model.increments(*rows(model))[0][[2, 0]]
    torch.testing.assert_close(few.increments(*rows(few))[0], expected)
    for old, new in zip(model.layers[:-1], rubbing.layers[:-1], strict=True):
        assert torch.equal(old.weight, new.weight)
    assert rubbing.layers[-1].bias.shape[-1] == model.layers[-1].bias.shape[-1] + 2


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(SettingsError, match="'gelu': expected silu or relu"):
        build(dataclasses.replace(SIZES, activation="gelu"))  # type: ignore[arg-type]


def test_a_model_without_hidden_layers_is_refused() -> None:
    with pytest.raises(SettingsError, match="at least 1 hidden layer, got 0"):
        build(dataclasses.replace(SIZES, layers=0))


def test_settings_of_older_runs_are_read() -> None:
    assert from_dict(EnsembleConfig, {"hidden": 8, "sticks": True}) == EnsembleConfig(
        hidden=8, dry_friction=True
    )
