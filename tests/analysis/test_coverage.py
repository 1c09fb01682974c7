"""Calibration of spreads that are known to be wrong, and alarms at known rates."""

import numpy as np
import pytest

from robot_mbrl.analysis.coverage import (
    Predicted,
    conformal_alarms,
    cross_validated_coverage,
    measure_coverage,
    predict_recording,
)
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.models.ensemble.uncertainty import Uncertainty
from tests.support.coasting import biased, coast, layout

TRUE = np.array([1e-3, 5e-2])  # rad


def judged(seed: int, *, told: float, epistemic: float = 0.0, ticks: int = 300) -> Predicted:
    """Errors of spread TRUE where the model says told * TRUE."""
    error = TRUE * np.random.default_rng(seed).standard_normal((ticks, 2))
    whole = np.ones((ticks, 2))
    spread = Uncertainty(
        0 * whole,
        epistemic * TRUE * whole,
        told * TRUE * whole,
        2 * TRUE,
        np.ones(2),
        np.ones(2),
    )
    return Predicted(error, spread)


def model(scale: float) -> object:
    ensemble = biased(0.0, 0.0, elites=[0, 1])
    ensemble.std_scale.fill_(scale)
    return ensemble


@pytest.mark.parametrize("level", [0.9, 0.6])
def test_calibration_on_some_episodes_gives_nominal_coverage_on_others(level):
    known, fresh = ([judged(s, told=0.5) for s in seeds] for seeds in (range(40), range(40, 80)))
    report = measure_coverage(model(0.8), known, fresh, level)
    np.testing.assert_allclose(report.calibrated.at_level, level, atol=0.012)
    # The network itself said 0.5 / 0.8 of the truth, so its noise has to grow by 1.6.
    np.testing.assert_allclose(report.calibrated.scale, 1.6, rtol=0.04)
    np.testing.assert_allclose(report.run.scale, 0.8)
    np.testing.assert_allclose(report.network.scale, 1.0)
    assert (report.run.at_level < report.network.at_level - 0.05).all()
    assert (report.network.at_level < report.calibrated.at_level - 0.1).all()
    assert (report.calibrated.nll < report.network.nll).all()
    assert (report.network.nll < report.run.nll).all()
    assert report.calibrating_episodes == report.judging_episodes == 40


def test_spreads_are_told_apart_and_in_both_units():
    group = [judged(s, told=1.0, epistemic=3.0) for s in range(4)]
    report = measure_coverage(model(1.0), group, group, 0.9)
    np.testing.assert_allclose(report.aleatoric, 0.5)
    np.testing.assert_allclose(report.epistemic, 1.5)
    np.testing.assert_allclose(report.aleatoric_rad, TRUE)
    np.testing.assert_allclose(report.epistemic_rad, 3 * TRUE)


def test_few_transitions_are_covered_by_what_the_others_say():
    """Slides that err by N(0, .01^2) where the model says 1e-3: calibration has to find it."""
    plant, rng = layout(), np.random.default_rng(0)
    obs = np.repeat(coast(2).obs[:1], 500, 0)
    errors = 0.01 * rng.standard_normal((500, 2))
    dq = plant.velocities(obs) * plant.dt + errors
    next_obs = plant.advance(obs, dq, np.zeros((500, 2)))
    none = np.zeros(500, np.float32)
    rows = Transitions(obs, np.zeros((500, 2)), next_obs, none, none.astype(bool))
    coverage = cross_validated_coverage(biased(0.0, 0.0, elites=[0, 1]), rows, 0.9)
    np.testing.assert_allclose(coverage, 0.9, atol=0.02)
    with pytest.raises(DataError, match="at least 5"):
        cross_validated_coverage(biased(0.0, elites=[0]), rows.take(np.arange(4)), 0.9)


def test_unlike_episodes_show_in_the_range_of_single_ones():
    alike = [judged(s, told=1.0) for s in range(20)]
    mixed = [judged(s, told=2.0 if s % 2 else 0.5) for s in range(20)]
    reports = [measure_coverage(model(1.0), g, g, 0.9) for g in (alike, mixed)]
    narrow, wide = (r.run.episodes_high - r.run.episodes_low for r in reports)
    assert (narrow < 0.08).all() and (wide > 0.3).all()
    errors = [r.run.standard_error for r in reports]
    np.testing.assert_allclose(errors[0], np.sqrt(0.9 * 0.1 / (20 * 300)), rtol=0.5)
    assert (errors[1] > 5 * errors[0]).all()


def test_alarm_rates_on_other_episodes_stay_near_the_request():
    known, fresh = ([judged(s, told=1.0) for s in seeds] for seeds in (range(99), range(99, 400)))
    alarms = {(a.name, a.threshold.per): a for a in conformal_alarms(known, fresh, 0.1)}
    names = {"disagreement", "innovation"}
    assert set(alarms) == {(n, p) for n in names for p in ("tick", "episode")}
    tick, episode = (alarms["innovation", per] for per in ("tick", "episode"))
    assert tick.seen_rate == pytest.approx(0.09, abs=0.02)
    assert episode.seen_rate < 0.2
    assert tick.threshold.limit < episode.threshold.limit
    assert not any(a.none for a in alarms.values())
    assert all(a.none for a in conformal_alarms(known[:5], fresh, 0.1))


def test_judging_a_coasting_machine_finds_the_bias():
    model = biased(1e-3, 3e-3, 9.0, elites=[0, 1])
    j = predict_recording(model, coast(20))
    np.testing.assert_allclose(j.error, -2e-3, atol=2e-6)
    np.testing.assert_allclose(j.uncertainty.epistemic, 1e-3, rtol=1e-2)
    noise = j.uncertainty.aleatoric
    np.testing.assert_allclose(noise, 1e-3 + np.exp(-6), rtol=1e-3)  # the soft bound's closed form
    np.testing.assert_allclose(j.innovation, 2e-3 / np.hypot(1e-3, noise).min(-1), rtol=1e-2)
