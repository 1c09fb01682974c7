import math

import numpy as np
import pytest
import torch

from robot_mbrl.contract.errors import NotFiniteError
from robot_mbrl.networks.normalizer import Normalizer, Whitener


def correlated(rows: int, columns: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    mixing = rng.standard_normal((columns, columns)) * np.logspace(-2, 2, columns)
    return rng.standard_normal((rows, columns)) @ mixing + rng.uniform(-5, 5, columns)


def test_normalizer_gives_zero_mean_and_unit_variance() -> None:
    values = correlated(900, 3)
    normalizer = Normalizer(3)
    normalizer.fit(values)
    out = normalizer(torch.as_tensor(values).float()).numpy()
    np.testing.assert_allclose(out.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(out.std(0), 1, atol=1e-4)


def test_statistics_survive_a_large_offset() -> None:
    """In single precision the variance of 1e4 + N(0, .01) would be lost."""
    values = 1e4 + 0.01 * np.random.default_rng(0).standard_normal((500, 1))
    normalizer = Normalizer(1)
    normalizer.fit(values)
    assert normalizer.std.item() == pytest.approx(values.std(), rel=1e-5)


def test_whitener_gives_identity_covariance() -> None:
    values = correlated(4000, 4)
    whitener = Whitener(4, floor=0.0)
    whitener.fit(values)
    out = whitener(torch.as_tensor(values).float()).double().numpy()
    np.testing.assert_allclose(out.mean(0), 0, atol=1e-3)
    np.testing.assert_allclose(np.cov(out.T, bias=True), np.eye(4), atol=2e-3)


def test_whitener_floor_keeps_tiny_differences_small() -> None:
    """Two copies that differ by 1e-4 of their size: that difference is noise below the floor."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(3000)
    values = np.stack([x, x + 1e-4 * rng.standard_normal(3000)], -1)
    difference = {}
    for floor in (0.0, 0.05):
        whitener = Whitener(2, floor=floor)
        whitener.fit(values)
        out = whitener(torch.as_tensor(values).float()).numpy()
        difference[floor] = (out[:, 1] - out[:, 0]).std()
    assert difference[0.0] == pytest.approx(math.sqrt(2), rel=0.05)
    assert difference[0.05] < 0.01


@pytest.mark.parametrize("kind", [Normalizer, Whitener])
def test_constant_column_reads_as_zero_and_disturbs_nothing(kind: type) -> None:
    values = correlated(800, 3)
    values[:, 1] = 7.0
    fitted, without = kind(3), kind(2)
    fitted.fit(values)
    without.fit(values[:, [0, 2]])
    out = fitted(torch.as_tensor(values).float())
    assert torch.isfinite(out).all()
    assert out[:, 1].abs().max() < 1e-4
    expected = without(torch.as_tensor(values[:, [0, 2]]).float())
    torch.testing.assert_close(out[:, [0, 2]], expected, atol=1e-3, rtol=1e-3)


def test_clip_limits_what_is_novel() -> None:
    values = correlated(800, 3)
    far = torch.full((1, 3), 1e6)
    open_whitener, clipped = Whitener(3), Whitener(3, clip=5.0)
    for whitener in (open_whitener, clipped):
        whitener.fit(values)
    assert open_whitener(far).abs().max() > 1000
    assert clipped(far).abs().max() == 5.0
    near = torch.as_tensor(values).float()
    inside = (open_whitener(near).abs() < 5).all(-1)
    assert inside.any()
    torch.testing.assert_close(open_whitener(near)[inside], clipped(near)[inside])


@pytest.mark.parametrize("kind", [Normalizer, Whitener])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_non_finite_data_is_refused(kind: type, bad: float) -> None:
    values = correlated(20, 3)
    values[4, 2] = bad
    with pytest.raises(NotFiniteError):
        kind(3).fit(values)
