"""What is put between the rows of a log, and what is not."""

from pathlib import Path

import numpy as np
import pytest

from robot_mbrl.data.formats.log_resampling import resample, split_rows

DT = 0.02
DATA = Path(__file__).parents[1] / "realaigym_simple_pendulum"


def wave(rate_hz: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    t = np.arange(0, 3, 1 / rate_hz)
    q = np.stack([np.sin(6 * t), 3 * np.cos(2 * t)], 1)
    return t, q, np.stack([np.floor(t), -np.floor(t), t > 1], 1)


@pytest.mark.parametrize("rate_hz", [500.0, 50.0, 33.0, 25.0, 20.0, 17.0])
def test_positions_lie_on_the_curve_that_the_log_was_taken_from(rate_hz: float) -> None:
    t, q, command = wave(rate_hz)
    laid = resample(t, q, command, DT)
    assert laid.q_rad.shape == (len(laid.time_s), 2) and laid.command.shape[1] == 3
    exact = np.stack([np.sin(6 * laid.time_s), 3 * np.cos(2 * laid.time_s)], 1)
    assert np.abs(laid.q_rad - exact)[3:-3].max() < 5e-3


@pytest.mark.parametrize("rate_hz", [25.0, 17.0])
def test_a_slow_log_gives_no_jerks(rate_hz: float) -> None:
    """Straight lines between rows would: the acceleration would be 0, then all of it at once."""
    t, q, command = wave(rate_hz)
    laid = resample(t, q, command, DT)
    acceleration = np.diff(laid.q_rad[:, 0], 2) / DT**2
    exact = -36 * np.sin(6 * laid.time_s[1:-1])
    assert np.sqrt(np.mean((acceleration - exact)[3:-3] ** 2)) < 0.1 * 36


@pytest.mark.parametrize("rate_hz", [25.0, 20.0])
@pytest.mark.parametrize(("run", "limit_rad"), [("direct_collocation", 2e-3), ("ddp", 2e-3)])
def test_every_so_many_rows_of_a_measured_run_tell_the_rest(
    run: str, limit_rad: float, rate_hz: float
) -> None:
    log = np.genfromtxt(DATA / f"{run}.measured.csv", delimiter=",", names=True)
    time, q = log["time"], log["position"][:, None]
    few = np.searchsorted(time, np.arange(time[0], time[-1], 1 / rate_hz))
    laid = resample(time[few], q[few], log["torque"][few, None], DT)
    missed = laid.q_rad[:, 0] - np.interp(laid.time_s, time, q[:, 0])
    assert np.sqrt(np.mean(missed**2)) < limit_rad


def test_a_command_holds_until_the_next_row() -> None:
    """At any rate: what it does in all, its integral, is kept."""
    for rate_hz in (333.0, 50.0, 20.0):
        t, q, command = wave(rate_hz)
        laid = resample(t, q, command, DT)
        end = laid.time_s[-1] + DT
        held = [min(b, end) - min(a, end) for a, b in zip(t, [*t[1:], t[-1]], strict=True)]
        np.testing.assert_allclose(laid.command.sum(0) * DT, np.array(held) @ command, atol=1e-9)


def test_gaps() -> None:
    time = np.array([0.0, 0.02, 0.04, 0.5, 0.52, 2.0])
    assert split_rows(len(time), np.diff(time) > 0.06) == [slice(0, 3), slice(3, 5), slice(5, 6)]
