"""What is drawn has the distribution that was asked for, alone and in groups."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.parameters.variation import Variation, sample_parameters

N = 4000
UNLIKELY = 1e-4  # of a Kolmogorov-Smirnov test; the seeds are fixed, so it holds for ever or never


def truth(v: Variation) -> stats.rv_continuous:
    """The same distribution, as scipy has it."""
    if v.distribution == "log-uniform":
        return stats.loguniform(v.low, v.high)
    if v.distribution == "normal":
        return stats.truncnorm(
            (v.low - v.mean) / v.std, (v.high - v.mean) / v.std, loc=v.mean, scale=v.std
        )
    return stats.uniform(v.low, v.high - v.low)


def draw(variations: dict[str, Variation], seed: int = 0, size: int = N) -> dict[str, np.ndarray]:
    nominal = dict.fromkeys(variations, 1.0)
    return sample_parameters(variations, nominal, np.random.default_rng(seed), size)


VARIATIONS = {
    "uniform": Variation(-1.0, 5.0),
    "log-uniform": Variation(0.1, 10.0, "log-uniform"),
    "normal": Variation(-10.0, 10.0, "normal", mean=0.5, std=0.8),
    "cut off": Variation(0.8, 1.1, "normal", mean=1.0, std=0.2),
    "cut off in its tail": Variation(3.0, 5.0, "normal", mean=3.0, std=0.5),
}


@pytest.mark.parametrize("grouped", [False, True], ids=["alone", "in a group"])
@pytest.mark.parametrize("name", VARIATIONS)
def test_each_distribution_is_the_one_asked_for(name: str, grouped: bool) -> None:
    variation = VARIATIONS[name]
    if grouped:
        variation = replace(variation, group="g", correlation=-0.6)
    values = draw({"a": variation, "b": Variation(0, 1, group="g")})["a"]
    assert values.min() >= variation.low
    assert values.max() <= variation.high
    assert stats.kstest(values, truth(variation).cdf).pvalue > UNLIKELY
    others = [v for n, v in VARIATIONS.items() if n != name]
    assert all(stats.kstest(values, truth(v).cdf).pvalue < UNLIKELY for v in others)


@pytest.mark.parametrize("name", ["furuta", "simple_pendulum", "arm"])
def test_each_parameter_of_a_shipped_robot_has_its_distribution(name: str) -> None:
    spec = load_robot(name)
    drawn = sample_parameters(spec.randomization, spec.nominal, np.random.default_rng(1), N)
    for path, variation in spec.randomization.items():
        assert stats.kstest(drawn[path], truth(variation).cdf).pvalue > UNLIKELY, path
        narrower = stats.uniform(variation.low, 0.9 * (variation.high - variation.low))
        assert stats.kstest(drawn[path], narrower.cdf).pvalue < UNLIKELY, path


def test_parameters_without_a_group_are_independent() -> None:
    spec = load_robot("furuta")
    drawn = sample_parameters(spec.randomization, spec.nominal, np.random.default_rng(2), N)
    scores = stats.spearmanr(np.array(list(drawn.values())).T).statistic
    assert np.abs(scores - np.eye(len(scores))).max() < 4.5 / np.sqrt(N)


def test_members_of_a_group_correlate_by_the_product_of_their_correlations() -> None:
    """Of the normal scores; the ranks of a Gaussian copula correlate by 6 / pi asin(r / 2)."""
    of = {"a": 1.0, "b": 0.9, "c": -0.7, "d": 0.8}
    given = {
        path: Variation(0.5, 2, "log-uniform", group="g", correlation=r) for path, r in of.items()
    }
    given["d"] = replace(given["d"], group="h")
    given["e"] = Variation(0, 1, group="h")
    drawn = draw(given)
    for one, other, r in [
        ("a", "b", 0.9),
        ("a", "c", -0.7),
        ("b", "c", -0.63),
        ("d", "e", 0.8),
        ("a", "d", 0.0),
    ]:
        found = stats.spearmanr(drawn[one], drawn[other]).statistic
        assert found == pytest.approx(6 / np.pi * np.arcsin(r / 2), abs=0.04), (one, other)


def test_full_correlation_means_equal_ranks() -> None:
    drawn = draw({"a": Variation(0, 1, group="g"), "b": VARIATIONS["normal"]} | {
        "b": replace(VARIATIONS["cut off"], group="g"),
        "c": Variation(1, 10, "log-uniform", group="g", correlation=-1.0),
    })  # fmt: skip
    ranks = {path: stats.rankdata(values) for path, values in drawn.items()}
    np.testing.assert_array_equal(ranks["a"], ranks["b"])
    np.testing.assert_array_equal(ranks["a"], N + 1 - ranks["c"])


def test_a_group_changes_no_draw_of_the_others_before_it() -> None:
    alone = draw({"a": Variation(0, 1), "b": Variation(0, 1)})
    beside = draw(
        {"a": Variation(0, 1), "b": Variation(0, 1, group="g"), "c": Variation(0, 1, group="g")}
    )
    np.testing.assert_array_equal(alone["a"], beside["a"])


@pytest.mark.parametrize("name", VARIATIONS)
def test_a_range_of_one_number_draws_that_number(name: str) -> None:
    point = replace(VARIATIONS[name], low=0.9, high=0.9)
    np.testing.assert_allclose(draw({"a": point}, size=5)["a"], 0.9, rtol=1e-15)


def test_a_range_grows_from_its_nominal_value_or_its_mean() -> None:
    assert Variation(0.8, 1.2).centre(1.0) == 1.0
    assert Variation(1.1, 1.2).centre(1.0) == 1.1
    assert Variation(0.5, 1.0, operation="set").centre(np.nan) == 0.75
    assert Variation(0.8, 1.2, "normal", mean=0.9, std=0.1).centre(1.0) == 0.9


def test_samples_stay_within_their_ranges_and_fill_them(furuta: RobotSpec) -> None:
    drawn = sample_parameters(furuta.randomization, furuta.nominal, np.random.default_rng(3), 4000)
    assert drawn.keys() == furuta.nominal.keys()
    for path, values in drawn.items():
        assert values.shape == (4000,)
        variation = furuta.randomization[path]
        width = variation.high - variation.low
        assert variation.low <= values.min() < variation.low + 0.01 * width
        assert variation.high >= values.max() > variation.high - 0.01 * width


def test_without_a_variation_values_are_nominal(furuta: RobotSpec) -> None:
    only = {"links.arm.mass": Variation(0.8, 1.2)}
    drawn = sample_parameters(only, furuta.nominal, np.random.default_rng(3), 5)
    assert np.ptp(drawn.pop("links.arm.mass")) > 0
    for path, values in drawn.items():
        np.testing.assert_array_equal(values, np.full(5, furuta.nominal[path]))


def test_same_generator_same_parameters(furuta: RobotSpec) -> None:
    a, b, c = (
        sample_parameters(furuta.randomization, furuta.nominal, np.random.default_rng(s), 3)
        for s in (1, 1, 2)
    )
    for path in a:
        np.testing.assert_array_equal(a[path], b[path])
        assert (a[path] != c[path]).all()
