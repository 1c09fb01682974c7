"""What planners ask is the ensemble's own answer, turned; in onnxruntime as well."""

import dataclasses
import io

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from robot_mbrl.contract.observation.angle_layout import AngleLayout
from robot_mbrl.contract.observation.plain_layout import PlainLayout
from robot_mbrl.contract.observation.protocol import Layout
from robot_mbrl.models.ensemble.config import EnsembleConfig, make_ensemble
from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble
from robot_mbrl.models.ensemble.planning_model import PlanningModel, planning_model
from tests.support.linear_model import layout

LAYOUTS = {"robot": layout(), "plain": PlainLayout(4, 1), "angle": AngleLayout(5, 2, ((3, 1),))}
CONFIGS = [
    EnsembleConfig(members=4, hidden=9, layers=1),
    EnsembleConfig(members=4, hidden=16),
    EnsembleConfig(members=4, hidden=7, layers=3, activation="relu"),
    EnsembleConfig(members=4, hidden=8, dry_friction=True),
    EnsembleConfig(members=4, hidden=8, kind="deterministic", dry_friction=True),
]
ELITES = [3, 0, 2]


def build(config: EnsembleConfig, layout: Layout) -> DynamicsEnsemble:
    """Untrained, with statistics and biases that are not the neutral ones."""
    rng = torch.Generator().manual_seed(0)
    model = make_ensemble(layout, config, rng)
    joints = len(layout.joints)
    for layer in model.layers:
        layer.bias.data.normal_(generator=rng)
    model.inputs.mean.normal_(generator=rng)
    model.inputs.matrix.normal_(generator=rng)
    model.outputs.mean.copy_(torch.linspace(-0.3, 0.4, joints))
    model.outputs.std.copy_(torch.linspace(0.2, 1.5, joints))
    model.std_scale.copy_(torch.linspace(1.5, 0.5, joints))
    if config.kind == "deterministic":
        model.log_error.fill_(-1.3)
    model.elites = torch.tensor(ELITES)
    return model


def rows(layout: Layout, members: int) -> tuple[Tensor, Tensor]:
    """Different states (E, B, O) and actions (E, B, A) for every member."""
    rng = torch.Generator().manual_seed(1)
    sizes = (layout.size, layout.action_size)
    obs, action = (torch.randn(members, 11, size, generator=rng) for size in sizes)
    return obs, action


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.kind}-{c.layers}-{c.dry_friction}")
def test_increments_are_the_elites(config: EnsembleConfig, name: str) -> None:
    model = build(config, LAYOUTS[name])
    few, planning = model.elite_model(), planning_model(model)
    obs, action = rows(model.layout, len(ELITES))
    turned = [x.transpose(1, 2) for x in (obs, action)]
    for got, expected in zip(
        planning.increments(*turned), few.increments(obs, action), strict=True
    ):
        torch.testing.assert_close(got.transpose(1, 2), expected, atol=1e-5, rtol=1e-4)
    mean, _ = few.increments(obs, action)
    expected = few.disagreement(mean)
    torch.testing.assert_close(planning.disagreement(mean.transpose(1, 2)), expected)
    assert planning.elites.tolist() == [0, 1, 2]
    assert planning_model(planning) is planning


def test_training_does_not_touch_it() -> None:
    model = build(CONFIGS[1], LAYOUTS["robot"])
    planning = planning_model(model)
    turned = [x.transpose(1, 2) for x in rows(model.layout, 3)]
    before = planning.increments(*turned)[0]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1.0)
        model.outputs.std.add_(1.0)
    assert torch.equal(planning.increments(*turned)[0], before)
    assert not list(planning.parameters())


class _Increments(nn.Module):
    def __init__(self, model: PlanningModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        return self.model.increments(x, action)


def export(model: PlanningModel, feed: list[Tensor]) -> onnxruntime.InferenceSession:
    file = io.BytesIO()
    torch.onnx.export(
        _Increments(model), tuple(feed), file, dynamo=False, input_names=["x", "action"]
    )
    return onnxruntime.InferenceSession(file.getvalue(), providers=["CPUExecutionProvider"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.kind}-{c.layers}-{c.dry_friction}")
def test_onnxruntime_gives_the_same(config: EnsembleConfig) -> None:
    model = planning_model(build(config, LAYOUTS["robot"]))
    feed = [x.transpose(1, 2).contiguous() for x in rows(model.layout, 3)]
    got = export(model, feed).run(None, {"x": feed[0].numpy(), "action": feed[1].numpy()})
    for ours, expected in zip(got, model.increments(*feed), strict=True):
        np.testing.assert_allclose(ours, expected.numpy(), atol=1e-5, rtol=1e-4)


def test_widths_that_are_no_multiple_of_the_block_are_padded_with_nothing() -> None:
    """Padding weights are zero, so the same network in wider clothes answers the same."""
    config = dataclasses.replace(CONFIGS[0], hidden=9)
    planning = planning_model(build(config, LAYOUTS["robot"]))
    assert planning.weight_0.shape[0] == 3 * 16 and planning.weight_1.shape[1] == 16
    hidden = planning.weight_0.view(3, 16, -1)
    assert not hidden[:, 9:].any() and hidden[:, :9].any(-1).all()
