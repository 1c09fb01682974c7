from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import DataError, SettingsError
from robot_mbrl.data import Column, LogColumns, TickFlag, import_csv, read_episode

DATA = Path(__file__).parents[1] / "realaigym_simple_pendulum"
RUNS = {
    "ddp": ("measured", 6.0),
    "direct_collocation": ("measured", 3.5),
    "energy_shaping": ("commanded", 20.0),
    "ilqr": ("commanded", 20.0),
    "pd_1nm_failure": ("commanded", 40.0),
    "pd_system_identification": ("measured", 3.9),
}


@pytest.fixture(scope="module")
def pendulum() -> RobotSpec:
    return load_robot("simple_pendulum")


def write_csv(path: Path, rows: np.ndarray, header: str = "time,position,velocity,torque") -> Path:
    np.savetxt(path, rows, delimiter=",", header=header, comments="")
    return path


def sine(rate_hz: float = 500.0, seconds: float = 2.0) -> np.ndarray:
    t = np.arange(0, seconds + 1e-9, 1 / rate_hz)
    return np.stack([t, 4 * np.sin(t), 4 * np.cos(t), np.cos(3 * t)], 1)


@pytest.mark.parametrize("run", RUNS)
def test_measured_runs(tmp_path, pendulum, run):
    source, seconds = RUNS[run]
    [path] = import_csv([DATA / f"{run}.measured.csv"], pendulum, tmp_path, created="2022-01-01")
    episode = read_episode(path)
    assert path.name == f"{run}.mcap"
    assert episode.metadata.kind == "import"
    assert episode.metadata.extra["actions"] == source
    assert len(episode) == pytest.approx(50 * seconds, abs=2)
    assert np.abs(episode.actions).max() <= 1.0
    # positions are those of the log
    log = np.genfromtxt(DATA / f"{run}.measured.csv", delimiter=",", names=True)
    nearest = np.searchsorted(log["time"], episode.time_s - 1e-9)
    assert np.abs(episode.q_rad[:, 0] - log["position"][nearest]).max() < 0.1


def test_swings_over_the_top_are_not_wrapped(tmp_path, pendulum):
    [path] = import_csv([DATA / "energy_shaping.measured.csv"], pendulum, tmp_path)
    episode = read_episode(path)
    assert episode.q_rad.min() < -15.0  # twice around
    assert np.abs(np.diff(episode.q_rad[:, 0])).max() < 0.4
    sin, cos = episode.observations[:, 0], episode.observations[:, 1]
    assert sin**2 + cos**2 == pytest.approx(np.ones(len(episode)))
    assert sin == pytest.approx(np.sin(episode.q_rad[:, 0]))


def test_only_the_jolts_of_the_identification_run_are_beyond_the_limit(tmp_path, pendulum):
    [path] = import_csv([DATA / "pd_system_identification.measured.csv"], pendulum, tmp_path)
    episode = read_episode(path)
    assert episode.metadata.extra["over_limit_ticks"] == 7
    over = (episode.flags & TickFlag.CLAMPED) != 0
    assert over.sum() == 7
    assert (np.abs(episode.actions[over]) == 1.0).all()
    assert (np.abs(episode.proposed[over]) > 1.0).all()
    pairs = episode.transitions()
    assert 150 < len(pairs) < len(episode) - 1 - 7
    assert np.abs(pairs.action).max() < 1.0


def test_statics_of_a_measured_run_agree_with_the_robot_folder(pendulum):
    # At rest under a constant torque u, |u - m g l sin q| is at most the friction: 0.3 N m here.
    log = np.genfromtxt(DATA / "pd_1nm_failure.measured.csv", delimiter=",", names=True)
    rest = (log["time"] > 20) & (log["time"] < 38)
    gravity = 0.6755 * 0.5 * 9.81 * np.sin(np.median(log["position"][rest]))
    assert gravity == pytest.approx(np.median(log["torque"][rest]), abs=0.3)
    text = pendulum.urdf.read_text()
    assert '<mass value="0.6755"/>' in text
    assert 'xyz="0 0 -0.5"' in text


def half_second_error(episode, inertia, ml, damping, friction):
    """RMS over all starts of the open-loop position error after 25 ticks, rad."""
    q, limit = episode.q_rad[:, 0], 3.2
    w, u = np.gradient(q, 0.02), episode.proposed[:, 0] * limit
    start = np.arange(1, len(q) - 26)
    a, v = q[start], w[start]
    for k in range(25):
        for _ in range(20):
            tau = u[start + k] - ml * 9.81 * np.sin(a) - damping * v - friction * np.tanh(50 * v)
            v = v + 0.001 * tau / inertia
            a = a + 0.001 * v
    return np.sqrt(np.mean((a - q[start + 25]) ** 2))


@pytest.mark.parametrize(("run", "limit_rad"), [("ddp", 0.1), ("direct_collocation", 0.25)])
def test_the_robot_folder_predicts_the_tracked_runs(tmp_path, pendulum, run, limit_rad):
    [path] = import_csv([DATA / f"{run}.measured.csv"], pendulum, tmp_path)
    episode = read_episode(path)
    ours = half_second_error(episode, 0.6755 * 0.5**2 + 0.0022, 0.6755 * 0.5, 0.047, 0.2)
    published_fit = half_second_error(episode, 0.06259, 0.1022, 0.04707, 0.1839)
    assert ours < limit_rad
    assert published_fit > 4 * ours


def test_a_tick_carries_the_mean_torque_until_the_next(tmp_path, pendulum):
    # 100 Hz log, torque 0, 1, 2, 3, ...: ticks of 20 ms hold 0.5, 2.5, 4.5 N m / 10
    t = np.arange(21) / 100
    rows = np.stack([t, 0 * t, 0 * t, 0.1 * np.arange(21)], 1)
    [path] = import_csv([write_csv(tmp_path / "a.csv", rows)], pendulum, tmp_path)
    command = read_episode(path).proposed[:, 0] * pendulum.actuators[0].limit
    assert command == pytest.approx(0.05 + 0.2 * np.arange(10))


def test_positions_are_interpolated_and_unwrapped(tmp_path, pendulum):
    rows = sine(rate_hz=333.0)
    [path] = import_csv([write_csv(tmp_path / "a.csv", rows)], pendulum, tmp_path)
    episode = read_episode(path)
    t = 0.02 * np.arange(len(episode))
    assert episode.time_s == pytest.approx(t)
    assert episode.q_rad[:, 0] == pytest.approx(4 * np.sin(t), abs=1e-4)


def test_the_observation_follows_from_the_positions(tmp_path, pendulum):
    [path] = import_csv([write_csv(tmp_path / "a.csv", sine())], pendulum, tmp_path)
    episode = read_episode(path)
    velocity = episode.observations[:, 2]
    slope = np.gradient(episode.q_rad[:, 0], 0.02)
    assert np.abs(velocity - slope)[10:-1].max() < 0.2


def test_the_rate_of_the_robot_matters(tmp_path, pendulum):
    fast = replace(pendulum, control=replace(pendulum.control, rate_hz=100.0))
    csv = write_csv(tmp_path / "a.csv", sine())
    [slow_path] = import_csv([csv], pendulum, tmp_path / "slow")
    [fast_path] = import_csv([csv], fast, tmp_path / "fast")
    assert (len(read_episode(slow_path)), len(read_episode(fast_path))) == (100, 200)


def test_a_gap_starts_a_new_segment(tmp_path, pendulum):
    rows = sine()
    rows = rows[(rows[:, 0] < 0.8) | (rows[:, 0] > 1.1)]
    csv = write_csv(tmp_path / "a.csv", rows)
    [path] = import_csv([csv], pendulum, tmp_path / "cut")
    episode = read_episode(path)
    [start] = np.flatnonzero(episode.flags & TickFlag.NEW_SEGMENT)
    first, second = episode.segments()
    np.testing.assert_array_equal(first.obs, episode.observations[:start])
    # velocity and a history of four are filled first
    np.testing.assert_array_equal(second.obs, episode.observations[start + 5 :])
    [whole] = import_csv([csv], pendulum, tmp_path / "whole", max_gap_s=1.0)
    assert len(read_episode(whole).segments()) == 1


@pytest.mark.parametrize("source", ["measured", "commanded", "auto"])
@pytest.mark.parametrize("trajectory", [True, False])
def test_which_torque(tmp_path, pendulum, source, trajectory):
    measured, desired = sine(), sine()
    measured[:, 3], desired[:, 3] = 0.5, 0.25
    desired[:, 1] *= trajectory
    csv = write_csv(tmp_path / "a.measured.csv", measured)
    write_csv(tmp_path / "a.desired.csv", desired)
    [path] = import_csv([csv], pendulum, tmp_path, source=source)
    commanded = source == "commanded" or (source == "auto" and not trajectory)
    torque = read_episode(path).actions[5, 0] * pendulum.actuators[0].limit
    assert torque == pytest.approx(0.25 if commanded else 0.5)


def test_column_names_can_be_given(tmp_path, pendulum):
    csv = write_csv(tmp_path / "a.csv", sine(), "t,theta,omega,tau")
    names = LogColumns("t", "s", {"pendulum": Column("theta")}, measured={"motor": Column("tau")})
    [path] = import_csv([csv], pendulum, tmp_path, columns=names)
    assert len(read_episode(path)) == 100
    with pytest.raises(DataError, match=r"no column for joint.*t, theta, omega, tau"):
        import_csv([csv], pendulum, tmp_path / "b")


@pytest.mark.parametrize("text", ["nan", "inf", "", "n/a"])
def test_a_number_that_is_none_is_named(tmp_path, pendulum, text):
    csv = write_csv(tmp_path / "a.csv", sine())
    lines = csv.read_text().splitlines()
    cells = lines[7].split(",")
    cells[1] = text
    lines[7] = ",".join(cells)
    csv.write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"a.csv: line 8, column 'position': '.*' is no finite"):
        import_csv([csv], pendulum, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("step", [0.0, -0.004])
def test_time_that_does_not_rise_is_named(tmp_path, pendulum, step):
    rows = sine()
    rows[9, 0] = rows[8, 0] + step
    with pytest.raises(DataError, match=r"line 11, column 'time'.*expected it to rise"):
        import_csv([write_csv(tmp_path / "a.csv", rows)], pendulum, tmp_path)


def test_torque_in_another_unit_is_refused(tmp_path, pendulum):
    rows = sine()
    rows[:, 3] *= 1000
    with pytest.raises(DataError, match=r"beyond the limit of 3.2 Nm"):
        import_csv([write_csv(tmp_path / "a.csv", rows)], pendulum, tmp_path)


def test_a_desired_file_of_another_length_is_refused(tmp_path, pendulum):
    csv = write_csv(tmp_path / "a.measured.csv", sine())
    write_csv(tmp_path / "a.desired.csv", sine()[:-1])
    with pytest.raises(DataError, match=r"1000 rows, a.measured.csv has 1001"):
        import_csv([csv], pendulum, tmp_path, source="commanded")


@pytest.mark.parametrize("content", ["", "time,position,velocity,torque\n0,0,0,0\n"])
def test_empty_files_are_refused(tmp_path, pendulum, content):
    csv = tmp_path / "a.csv"
    csv.write_text(content)
    with pytest.raises(DataError):
        import_csv([csv], pendulum, tmp_path)


def test_another_source_of_torque_is_refused(tmp_path, pendulum):
    with pytest.raises(SettingsError, match="'guessed': expected one of auto, measured, commanded"):
        import_csv([], pendulum, tmp_path, source="guessed")
