from dataclasses import replace

import numpy as np
import pytest

from robot_mbrl.contract import ObservationLayout
from robot_mbrl.contract.errors import DataError, SettingsError
from robot_mbrl.onboard import (
    ControllerOutput,
    Monitor,
    MonitorThresholds,
    StopReason,
    calibrate_monitor,
)
from robot_mbrl.onboard.monitor.fit_thresholds import cusum, robust_scale, tail_quantile
from robot_mbrl.onboard.monitor.monitor import innovation

JOINTS = ("arm", "pendulum")
RATE = 50.0


def white(rng, episodes, ticks, scale=1.0):
    return scale * rng.standard_normal((episodes, ticks, 2))


def coloured(rng, episodes, ticks, a=0.7):
    """First-order autoregressive z of unit variance."""
    z = rng.standard_normal((episodes, ticks, 2)) * np.sqrt(1 - a**2)
    for t in range(1, ticks):
        z[:, t] += a * z[:, t - 1]
    return z


def novelty(rng, episodes, ticks):
    return np.exp(0.3 * rng.standard_normal((episodes, ticks)) - 2)


def calibrated(seed=0, make=white, target=2.0, **knobs):
    rng = np.random.default_rng(seed)
    z, d = make(rng, 60, 400), novelty(rng, 60, 400)
    return calibrate_monitor(list(z), list(d), RATE, target, **knobs)


def stops_per_hour(thresholds, make, hours, seed=99, ticks=400):
    """Episodes that end by an alarm, in simulated hours, many episodes at once."""
    rng = np.random.default_rng(seed)
    episodes = int(hours * 3600 * RATE / ticks)
    stops = 0
    for _ in range(10):
        n = episodes // 10
        x = thresholds.increments(make(rng, n, ticks), novelty(rng, n, ticks))
        peak = cusum(np.swapaxes(x, 0, 1)).max(axis=0)
        stops += int((peak > np.asarray(thresholds.limits)).any(axis=-1).sum())
    return stops / hours


def first_alarm(thresholds, z, disagreement=None):
    monitor = Monitor(thresholds, JOINTS)
    for t in range(len(z)):
        alarm = monitor.update(z[t], np.exp(-2) if disagreement is None else disagreement[t])
        if alarm:
            return t, alarm
    return None


@pytest.mark.slow
@pytest.mark.parametrize("make", [white, coloured])
@pytest.mark.parametrize("target", [2.0, 20.0])
def test_false_stops_keep_the_promise(make, target):
    hours = 20.0
    rates = [
        stops_per_hour(calibrated(seed, make, target), make, hours, seed + 50) for seed in (0, 1)
    ]
    # Poisson: the count over 40 h is at most its mean plus 3 standard deviations
    assert sum(rates) / 2 <= target + 3 * np.sqrt(target / (2 * hours))


def test_the_promise_is_not_kept_by_never_stopping():
    # with a high target and plenty of data the rate is of the order of the target
    rng = np.random.default_rng(5)
    z, d = white(rng, 2000, 400), novelty(rng, 2000, 400)
    thresholds = calibrate_monitor(list(z), list(d), RATE, 60.0)
    assert stops_per_hour(thresholds, white, 10.0) > 15.0


def test_cusum_is_pages_recursion():
    x = np.random.default_rng(2).normal(-0.2, 1, 500)
    s, expected = 0.0, []
    for value in x:
        s = max(0.0, s + value)
        expected.append(s)
    assert cusum(x[:, None])[:, 0] == pytest.approx(expected)


def test_monitor_and_calibration_add_up_the_same():
    rng = np.random.default_rng(3)
    thresholds = calibrated()
    z, d = white(rng, 1, 300)[0], novelty(rng, 1, 300)[0]
    monitor = Monitor(thresholds, JOINTS)
    for t in range(300):
        monitor.update(z[t], d[t])
    expected = cusum(thresholds.increments(z, d))
    assert monitor.statistics == pytest.approx(expected[-1])
    assert monitor.peak == pytest.approx(expected.max(axis=0))
    report = monitor.report()
    assert list(report)[:2] == ["arm.up", "pendulum.up"]
    assert list(report)[-1] == "disagreement"
    assert all(0 <= v < 1 for v in report.values())


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_bias_of_one_sigma_is_found(sign):
    # z - slack rises by 0.5 a tick on average: limit / 0.5 ticks, and some for luck
    thresholds = calibrated()
    rng = np.random.default_rng(7)
    delays = []
    for _ in range(20):
        z = white(rng, 1, 400)[0]
        z[:, 1] += sign
        found = first_alarm(thresholds, z)
        assert found is not None
        assert found[1].reason is StopReason.INNOVATION
        assert "'pendulum'" in found[1].message
        delays.append(found[0])
    limit = thresholds.limits[1]
    assert np.median(delays) < 2 * limit / 0.5


def test_a_broken_motor_is_found_in_a_few_ticks():
    z = np.zeros((50, 2))
    z[10:, 0] = 30.0
    at, alarm = first_alarm(calibrated(), z)
    assert 12 <= at <= 15  # the cap forgives one bad sample, not a fault that stays
    assert "'arm' moves" in alarm.message


def test_a_larger_spread_is_found_without_a_bias():
    z = white(np.random.default_rng(8), 1, 400, scale=3.0)[0]
    found = first_alarm(calibrated(slack=3.9), z)  # the signed sums are as good as off
    assert found is not None
    assert "unlike predicted" in found[1].message


@pytest.mark.parametrize("value", [1e3, -1e3, 1e9])
def test_one_bad_sample_does_not_stop(value):
    z = white(np.random.default_rng(9), 1, 300)[0]
    z[150] = value
    z[151] = -value
    z[152] = value
    assert first_alarm(calibrated(), z) is None


def test_one_outlier_of_disagreement_does_not_stop_but_lasting_novelty_does():
    rng = np.random.default_rng(10)
    z, d = white(rng, 1, 300)[0], novelty(rng, 1, 300)[0]
    d[100:106] = 1e6  # in the newest measurement, then in a history of 5
    assert first_alarm(calibrated(), z, d) is None
    d[150:] *= 20.0
    at, alarm = first_alarm(calibrated(), z, d)
    assert 150 < at < 190
    assert alarm.reason is StopReason.DISAGREEMENT


def test_limits_that_one_tick_can_pass_are_refused():
    thresholds = calibrated()
    with pytest.raises(DataError, match="single tick"):
        replace(thresholds, limits=(5.5,) * 7)
    with pytest.raises(DataError, match="expected 7 limits, got 6"):
        replace(thresholds, limits=(100.0,) * 6)


def test_unknown_values_count_for_nothing():
    monitor = Monitor(calibrated(), JOINTS)
    monitor.update(np.array([2.0, 2.0]), np.nan)
    before = monitor.statistics.copy()
    monitor.update(np.array([np.nan, np.nan]), np.nan)
    assert monitor.statistics.tolist() == before.tolist()
    monitor.reset()
    assert not monitor.statistics.any()


def test_scale_is_robust():
    z = 3.0 * np.random.default_rng(11).standard_normal((20_000, 2))
    z[:50] = 1e6
    assert robust_scale(z) == pytest.approx([3.0, 3.0], rel=0.05)


def test_scale_of_the_data_does_not_matter():
    rng = np.random.default_rng(12)
    z, d = white(rng, 60, 400), novelty(rng, 60, 400)
    one = calibrate_monitor(list(z), list(d), RATE, 2.0)
    ten = calibrate_monitor(list(10 * z), list(3 * d), RATE, 2.0)
    assert ten.z_scale == pytest.approx(10 * np.array(one.z_scale))
    assert ten.limits == pytest.approx(one.limits)


def test_exponential_tail_in_closed_form():
    # P(M > x) = exp(-x / 2): one in a million is 2 ln 1e6 = 27.6
    maxima = np.random.default_rng(13).exponential(2.0, 40_000)
    assert tail_quantile(maxima, 1e-6) == pytest.approx(27.63, rel=0.03)


def test_few_blocks_keep_the_rate_on_average():
    # 20 blocks of an exponential: over many such calibrations the next block exceeds its limit as
    # often as asked. A limit with the mean as estimated would be passed six times as often.
    rng = np.random.default_rng(14)
    limits = np.array([tail_quantile(rng.exponential(2.0, 20), 1e-3) for _ in range(4000)])
    assert np.exp(-limits / 2).mean() == pytest.approx(1e-3, rel=0.5)


def test_fewer_blocks_give_higher_limits():
    # the same quartile and the same mean excess, seen in 20 and in 2000 blocks
    few = np.linspace(0, 10, 20)
    assert tail_quantile(few, 1e-5) > 1.3 * tail_quantile(np.repeat(few, 100), 1e-5)


def test_every_knob_matters():
    base = calibrated()
    rarer = calibrated(target=0.01)
    assert all(a >= b for a, b in zip(rarer.limits, base.limits, strict=True))
    assert rarer.limits[0] > base.limits[0]
    assert calibrated(slack=0.25).limits[0] > base.limits[0]
    assert calibrated(square_slack=1.3).limits[4] > base.limits[4]
    assert calibrated(disagreement_slack=0.25).limits[6] > base.limits[6]
    assert calibrated(cap=40.0).limits[0] > base.limits[0]  # a larger outlier must be tolerated
    assert calibrated(make=coloured).limits[0] > base.limits[0]


def test_faster_control_has_less_time_for_the_same_ticks():
    rng = np.random.default_rng(0)
    z, d = list(white(rng, 60, 400)), list(novelty(rng, 60, 400))
    slow = calibrate_monitor(z, d, 50.0, 0.01)
    fast = calibrate_monitor(z, d, 500.0, 0.01)
    assert fast.limits[0] > slow.limits[0]


def test_evidence_states_sample_and_guarantee():
    evidence = calibrated().evidence
    assert (evidence["episodes"], evidence["blocks"]) == (60, 60)
    assert evidence["hours"] == pytest.approx(60 * 400 / 50 / 3600)
    assert evidence["extrapolated"] is True
    assert "at most 2 false stops per hour" in evidence["guarantee"]


def test_few_long_episodes_are_cut_into_blocks():
    rng = np.random.default_rng(14)
    thresholds = calibrate_monitor(
        list(white(rng, 3, 4000)), list(novelty(rng, 3, 4000)), RATE, 2.0
    )
    assert thresholds.evidence["blocks"] == 21


def test_scraps_between_lost_frames_are_no_blocks():
    """Six long pieces and scraps of 0 to 3 ticks: it used to fail, or to count scraps as blocks."""
    rng = np.random.default_rng(4)
    lengths = [120] * 6 + [1, 3, 2, 1, 0]
    z = [rng.standard_normal((n, 2)) for n in lengths]
    d = [np.exp(0.1 * rng.standard_normal(n)) for n in lengths]
    thresholds = calibrate_monitor(z, d, RATE, 60.0)
    long_only = calibrate_monitor(z[:6], d[:6], RATE, 60.0)
    assert thresholds.evidence["blocks"] <= 720 / 20
    np.testing.assert_allclose(thresholds.limits, long_only.limits, rtol=0.35)


def test_thresholds_survive_json():
    import json

    thresholds = calibrated()
    again = MonitorThresholds.from_json(json.loads(json.dumps(thresholds.to_json())))
    assert again == thresholds
    with pytest.raises(DataError, match="missing"):
        MonitorThresholds.from_json({"slack": 1})


@pytest.mark.parametrize(("z", "d", "target", "message"), [
    ([np.zeros((10, 2))], [np.zeros(10)], 1.0, "10 ticks, expected at least 400"),
    ([np.zeros((2000, 2))], [np.zeros(1999)], 1.0, "as many"),
    ([], [], 1.0, "as many"),
    ([np.full((2000, 2), np.inf)], [np.zeros(2000)], 1.0, "infinite"),
])  # fmt: skip
def test_bad_calibration_data(z, d, target, message):
    with pytest.raises(DataError, match=message):
        calibrate_monitor(z, d, RATE, target)


def test_a_rate_of_no_false_stops_cannot_be_asked_for():
    with pytest.raises(SettingsError, match="expected more than 0 per hour"):
        calibrate_monitor([np.zeros((2000, 2))], [np.zeros(2000)], RATE, 0.0)


def test_innovation_is_the_error_in_units_of_the_predicted_spread(spec):
    layout = ObservationLayout.from_spec(spec)
    observation = np.zeros(layout.size)
    observation[layout.column("arm.velocity")] = 3.0
    observation[layout.column("pendulum.velocity")] = -1.0
    previous = ControllerOutput(
        action=np.zeros(1),
        plan=np.zeros((1, 1), dtype=np.float32),
        predicted_mean=np.ones(layout.size),
        predicted_std=np.full(layout.size, 0.5),
        disagreement=np.zeros(1),
        value=0.0,
        plan_time_s=0.0,
    )
    assert innovation(layout, observation, previous).tolist() == [4.0, -4.0]
    assert np.isnan(innovation(layout, observation, None)).all()
