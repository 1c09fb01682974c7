"""A recorded run in simulation: a machine that is its description errs by nothing."""

from pathlib import Path

import numpy as np
import pytest

from calibration.replay import one_after_the_other, replay_segment, replay_windows
from robot_mbrl.contract import ObservationLayout, load_robot
from robot_mbrl.data import Windows, import_csv, read_episode
from robot_mbrl.data.segment import Segment
from robot_mbrl.models.judging.open_loop import increments_error
from sim import make_vec_env
from tests.support.engines import each_engine
from tests.support.robots import furuta_toml, quiet, write_robot

LOGS = Path(__file__).parents[1] / "data" / "realaigym_simple_pendulum"


@each_engine
def test_a_simulated_run_is_played_again(backend: str, tmp_path: Path) -> None:
    """Recorded in the same world without noise or delay, from rest: two joints, one driven."""
    spec = load_robot(write_robot(tmp_path, quiet(furuta_toml())))
    env = make_vec_env(spec, 1, randomize=False, backend=backend, threads=1, episode_s=2.0)
    rng, path, actions = np.random.default_rng(0), [env.reset(seed=0)[0][0]], []
    for _ in range(60):
        action = 0.3 * np.sin(0.3 * len(actions)) + 0.1 * rng.standard_normal((1, 1))
        path.append(env.step(action)[0][0])
        actions.append(action[0])
    env.close()
    segment = Segment(np.array(path, np.float64), np.array(actions))
    replayed = replay_segment(spec, segment, backend=backend)
    assert np.ptp(replayed.measured_rad, axis=0).min() > 0.1
    assert np.abs(replayed.simulated_rad - replayed.measured_rad).max() < 1e-6


def test_what_a_wrong_description_costs_is_seen(tmp_path: Path) -> None:
    toml = quiet(furuta_toml())
    spec = load_robot(write_robot(tmp_path / "right", toml))
    toml["actuator"][0]["dc_motor"]["resistance_ohm"] *= 1.5
    weak = load_robot(write_robot(tmp_path / "weak", toml))
    layout = ObservationLayout.from_spec(spec)
    env = make_vec_env(spec, 1, randomize=False, threads=1)
    path = [env.reset(seed=0)[0][0]]
    actions = [np.array([0.4 * np.cos(0.4 * k)]) for k in range(50)]
    path += [env.step(action[None])[0][0] for action in actions]
    env.close()
    windows = Windows.cut([Segment(np.array(path, np.float64), np.array(actions))], 10)
    errors = [
        increments_error(layout, windows, replay_windows(robot, windows)).rms_rad[-1]
        for robot in (spec, weak)
    ]
    assert (errors[1] > 2 * errors[0]).all()


@pytest.mark.parametrize("backend", ["mujoco"])
def test_the_nominal_error_is_the_one_that_the_real_log_bench_states(
    tmp_path: Path, backend: str
) -> None:
    """0.211 rad and 0.608 rad/s after 0.5 s, over every window of the two unseen runs."""
    spec = load_robot("simple_pendulum")
    runs = [LOGS / f"{name}.measured.csv" for name in ("ilqr", "pd_1nm_failure")]
    segments = [s for p in import_csv(runs, spec, tmp_path) for s in read_episode(p).segments()]
    windows = Windows.cut(segments, 25)
    dq = replay_windows(spec, windows, backend=backend)
    summary = increments_error(ObservationLayout.from_spec(spec), windows, dq).summary()
    assert summary["rms_rad"] == pytest.approx(0.211, abs=5e-4)
    assert summary["rms_rad_s"] == pytest.approx(0.608, abs=5e-4)


def test_windows_one_after_the_other_cover_what_they_can() -> None:
    segments = [Segment(np.zeros((n + 1, 3)), np.arange(float(n))[:, None]) for n in (7, 2, 4)]
    first, last = one_after_the_other(segments, 3)
    assert first.action[:, :, 0].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert len(last) == 1
