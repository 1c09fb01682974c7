"""bench train: its arithmetic is what torch counts, it runs, a missing reference is named."""

import sys

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from robot_mbrl.contract.errors import RobotMbrlError
from robot_mbrl.models.ensemble.ensemble import ActivationName
from robot_mbrl.models.fitting.fit import Training


def test_arithmetic_of_an_update_is_what_torch_counts() -> None:
    pytest.importorskip("stable_baselines3")
    from launch.bench.train import layer_sizes, update_flop
    from robot_mbrl.contract.observation.plain_layout import PlainLayout
    from robot_mbrl.models.ensemble.ensemble import DynamicsEnsemble

    rng = torch.Generator().manual_seed(0)
    model = DynamicsEnsemble(PlainLayout(5, 2), 3, 11, rng, depth=3)
    model.inputs = torch.nn.Identity()  # a fit whitens its rows once, not in each update
    obs, action = torch.randn(3, 13, 5), torch.randn(3, 13, 2)
    with FlopCounterMode(display=False) as counter:
        mean, log_std = model.residual(obs, action)
        (mean.sum() + log_std.sum()).backward()
    assert layer_sizes(model) == [7, 11, 11, 11, 10]
    assert update_flop(layer_sizes(model), 3, 13) == counter.get_total_flops()


@pytest.mark.parametrize("activation", ["silu", "relu"])
def test_every_rate_is_measured(
    activation: ActivationName, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("stable_baselines3")
    from launch.bench import train as bench_train

    trained: list[ActivationName] = []

    class Watched(Training):
        def step(self) -> None:
            trained.append(self.model.activation)
            super().step()

    monkeypatch.setattr(bench_train, "Training", Watched)
    asked = bench_train.Settings(rounds=2, updates=2, branches=50, activation=activation)
    rates = bench_train.measure_training(asked)
    assert set(trained) == {activation} and len(trained) == 1 + 2 * 2
    numbers = dict(vars(rates))
    assert numbers.pop("sgemm_library") in ("torch", "numpy", "onnxruntime")
    assert all(value > 0 for value in numbers.values())
    assert rates.share_of_best_sgemm <= rates.sgemm_share < 1.5
    assert rates.sb3_ratio == pytest.approx(
        rates.sac_updates_per_s / rates.sb3_updates_per_s, rel=1.0
    )


def test_without_the_reference_the_message_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    monkeypatch.delitem(sys.modules, "launch.bench.reference.updates", raising=False)
    with pytest.raises(RobotMbrlError, match=r"pip install '\.\[bench\]'"):
        __import__("launch.bench.reference.updates")
