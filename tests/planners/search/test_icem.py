"""Colored noise against its spectrum, and what iCEM keeps, drops and remembers."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from robot_mbrl.planners.search.icem import IcemConfig, color, color_matrix, plan_icem, populations
from robot_mbrl.planners.search.ilqr import IlqrConfig
from robot_mbrl.planners.search.sampling import shift
from tests.support.plain_plant import START, Plant, noise_for, run

SMALL = IcemConfig(horizon=5, candidates=16, elites=4, proposals=0)


@pytest.mark.parametrize("horizon", [1, 2, 7, 8])
@pytest.mark.parametrize("beta", [0.0, 1.0, 2.5])
def test_noise_has_unit_variance_at_every_step_and_the_power_of_its_color(
    horizon: int, beta: float
) -> None:
    """The covariance C C' of colored white noise is circulant, so its discrete Fourier transform is
    the power at each frequency."""
    C = color_matrix(horizon, beta).numpy()
    covariance = C @ C.T
    np.testing.assert_allclose(np.diag(covariance), 1.0)
    power = np.fft.rfft(covariance[0]).real
    if horizon > 1:
        frequency = np.arange(1, len(power))
        np.testing.assert_allclose(power[1:], power[1] * frequency**-beta, rtol=1e-9)
        assert power[0] == pytest.approx(power[1])


def test_color_zero_is_white_and_color_runs_along_the_horizon() -> None:
    noise = torch.randn(2, 3, 5, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(color(noise, 0.0), noise)
    C = color_matrix(5, 2.0).float()
    colored = color(noise, 2.0)
    torch.testing.assert_close(colored[1, 2, :, 1], C @ noise[1, 2, :, 1])


def test_colored_noise_changes_slower() -> None:
    noise = torch.randn(4000, 8, 1, generator=torch.Generator().manual_seed(0))
    steps = [color(noise, beta).diff(dim=-2).pow(2).mean().item() for beta in (0.0, 1.0, 3.0)]
    assert steps[0] == pytest.approx(2.0, rel=0.05)  # two independent steps of variance 1
    assert steps[0] > 1.5 * steps[1] > 2 * steps[2]


def test_populations_decay_to_twice_the_elites() -> None:
    config = IcemConfig(candidates=100, iterations=5, elites=10, decay=1.5)
    assert populations(config) == [100, 67, 44, 30, 20]
    assert populations(replace(config, elites=30)) == [100, 67, 60, 60, 60]
    assert populations(replace(config, elites=80)) == [100] * 5


def test_only_so_many_rows_are_scored() -> None:
    model = Plant()
    run(replace(SMALL, iterations=3, decay=2.0), model=model)
    # 16 and the warm start, 8 and a kept one, 8 and a kept one, and the result
    assert model.rows == 16 + 1 + 8 + 1 + 8 + 1 + 1


def test_kept_elites_compete_one_tick_later() -> None:
    """A plan that nobody would find by chance, handed over from the last tick."""
    x = START
    optimal = run(IlqrConfig(horizon=5), obs=x)
    x, _ = Plant().step(x[None], optimal.plan[:1])
    config = replace(SMALL, elites=1, iterations=1, execute_best=True)
    noise, warm = noise_for(config, 0), torch.zeros(5, 2).double()
    alone = plan_icem(Plant(), x[0], warm, noise, config)
    helped = plan_icem(Plant(), x[0], warm, noise, config, optimal.plan[None])
    assert helped.score > alone.score
    torch.testing.assert_close(helped.plan, shift(optimal.plan))


def test_kept_is_the_share_of_elites_asked_for() -> None:
    config = replace(SMALL, elites=6, keep=0.5)
    planned = plan_icem(Plant(), START, torch.zeros(5, 2).double(), noise_for(config, 0), config)
    assert planned.kept.shape == (3, 5, 2)
    scores = Plant()(START, planned.kept).score
    assert (scores.diff() <= 0).all()  # the best first


def test_full_momentum_stays_at_the_warm_start() -> None:
    warm = torch.full((5, 2), 0.3).double()
    torch.testing.assert_close(run(replace(SMALL, momentum=1.0), warm=warm).plan, warm)


def test_the_best_plan_scores_as_seen() -> None:
    best = run(replace(SMALL, execute_best=True))
    config = replace(SMALL, keep=0.25)
    kept = plan_icem(Plant(), START, torch.zeros(5, 2).double(), noise_for(config, 0), config).kept
    torch.testing.assert_close(best.plan, kept[0])
