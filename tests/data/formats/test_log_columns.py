"""Logs of any robot, as other programs write them."""

import os
from pathlib import Path

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import DataError
from robot_mbrl.data import Column, Episode, LogColumns, import_csv, read_columns, read_episode
from robot_mbrl.data.formats.log_layout import lay_out
from tests.data.formats.test_csv_import import sine, write_csv


@pytest.fixture(scope="module")
def arm() -> RobotSpec:
    return load_robot("arm")


@pytest.fixture(scope="module")
def pendulum() -> RobotSpec:
    return load_robot("simple_pendulum")


def one(csv: Path, spec: RobotSpec, columns: LogColumns | None = None) -> Episode:
    [path] = import_csv([csv], spec, csv.parent / "out", columns=columns)
    return read_episode(path)


def log_of(spec: RobotSpec, rate_hz: float = 100.0) -> tuple[list[str], np.ndarray]:
    """Names and rows: time, a position for each joint, a command for each actuator."""
    t = np.arange(0, 1, 1 / rate_hz)
    names = ["time", *(f"{j.name}.position" for j in spec.joints)]
    names += [f"{a.name}.command" for a in spec.actuators]
    q = [0.1 * k + 0.2 * np.sin(t * k) for k in range(len(spec.joints))]
    u = [0.05 * a.limit * (k + 1) + 0 * t for k, a in enumerate(spec.actuators)]
    return names, np.stack([t, *q, *u], 1)


@pytest.mark.parametrize("name", ["arm", "furuta", "simple_pendulum"])
def test_any_number_of_joints_and_actuators(name: str, tmp_path: Path) -> None:
    """Found by name, in any order, beside others."""
    spec = load_robot(name)
    names, rows = log_of(spec)
    order = np.random.default_rng(0).permutation(len(names))
    header = ",".join([*(names[k] for k in order), "note"])
    csv = write_csv(tmp_path / "a.csv", np.c_[rows[:, order], rows[:, 0]], header)
    episode = one(csv, spec)
    assert len(episode) == 49 and episode.metadata.extra["actions"] == "commanded"
    j = len(spec.joints)
    np.testing.assert_allclose(episode.q_rad, rows[: 2 * 49 : 2, 1 : 1 + j], atol=1e-9)
    shares = 0.05 * np.arange(1, len(spec.actuators) + 1)
    np.testing.assert_allclose(episode.actions, np.tile(shares, (49, 1)), atol=1e-9)
    columns = episode.metadata.extra["columns"]
    assert list(columns["commanded"]) == [a.name for a in spec.actuators]
    [segment] = episode.segments()
    assert len(segment) == 48


def test_a_mapping_in_toml(tmp_path: Path) -> None:
    """The log of a servo: degrees, its goal as the command; what it did stands beside it."""
    spec = load_robot("furuta")
    path = tmp_path / "columns.toml"
    path.write_text(
        """time = "stamp"
time_unit = "ms"
[positions]
arm = { column = "a_deg", scale = 0.017453292519943295 }
pendulum = { column = "p", offset = -3.141592653589793 }
[commanded]
motor = "goal"
[measured]
motor = 0.0
"""
    )
    t = np.arange(0, 500, 5.0)
    rows = np.stack([t - 200, 10 + 0 * t, np.pi + t / 1e3, 1.5 + 0 * t], 1)
    csv = write_csv(tmp_path / "a.csv", rows, "stamp,a_deg,p,goal")
    episode = one(csv, spec, read_columns(path, spec))
    assert len(episode) == 24 and episode.time_s[0] == 0
    assert episode.metadata.extra["time_shift_s"] == pytest.approx(0.2)
    np.testing.assert_allclose(episode.q_rad[:, 0], np.deg2rad(10), atol=1e-9)
    np.testing.assert_allclose(episode.q_rad[:, 1], 0.02 * np.arange(24), atol=1e-9)
    np.testing.assert_allclose(episode.actions, 1.5 / spec.actuators[0].limit)
    [measured] = import_csv(
        [csv], spec, tmp_path / "m", columns=read_columns(path, spec), source="measured"
    )
    assert not read_episode(measured).actions.any()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time = 3", "time a name"),
        ('time_unit = "h"', "time_unit of s, ms, us, ns"),
        ('clock = "t"', "unknown key 'clock'"),
        ('positions = "q"', r"expected a table \[positions\]"),
        ('[positions]\nwrist2 = "q"', r"'wrist2': the robot has pan, shoulder"),
        ("[positions]\npan = true", r"\[positions\] pan: expected the name of a column"),
        ('[positions]\npan = {column = "q", factor = 2}', "expected the name of a column"),
        ('[commanded]\npan_servo = {column = "q", scale = nan}', "expected the name of a column"),
        ("[positions", "not valid TOML"),
    ],
)
def test_a_broken_mapping_says_what_is_wrong(
    arm: RobotSpec, tmp_path: Path, text: str, message: str
) -> None:
    path = tmp_path / "columns.toml"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as found:
        read_columns(path, arm)
    assert str(path) in str(found.value)


def test_all_that_lacks_is_named_at_once_with_a_mapping_to_fill_in(
    arm: RobotSpec, tmp_path: Path
) -> None:
    csv = write_csv(tmp_path / "a.csv", np.zeros((3, 2)), "tick,q1")
    with pytest.raises(DataError) as found:
        one(csv, arm, LogColumns(positions={"pan": Column("q2")}))
    text = str(found.value)
    for part in ("'q2'", "the time", "'shoulder'", "'roll'", "'pan_servo'", "has: tick, q1"):
        assert part in text
    assert '[positions]\n    pan = "..."' in text and 'pan_servo = "..."  # rad' in text


@pytest.mark.parametrize("name", ["time_ms", "t_ms", "timestamp_us", "time_ns", "time_s", "t"])
def test_the_unit_of_time_stands_in_its_name(
    pendulum: RobotSpec, tmp_path: Path, name: str
) -> None:
    rows = sine(200.0, 1.0)
    rows[:, 0] *= {"ms": 1e3, "us": 1e6, "ns": 1e9}.get(name.rpartition("_")[2], 1.0)
    episode = one(write_csv(tmp_path / "a.csv", rows, f"{name},position,v,torque"), pendulum)
    assert len(episode) == 50
    assert episode.time_s[-1] == pytest.approx(0.98)


def test_what_editors_and_power_cuts_leave_behind(pendulum: RobotSpec, tmp_path: Path) -> None:
    """A byte order mark, semicolons, blank lines, Windows' line ends, half a last row."""
    csv = tmp_path / "a.csv"
    np.savetxt(csv, sine(), delimiter=";", header="time;position;v;torque", comments="")
    text = csv.read_text().replace("\n", "\r\n")
    csv.write_bytes(b"\xef\xbb\xbf" + text.encode() + b"2.002;1.0\r\n\r\n ; ; ; \r\n\r\n")
    episode = one(csv, pendulum)
    assert len(episode) == 100
    assert episode.metadata.extra["dropped"] == ["the last row, which is cut short"]


def test_negative_time(pendulum: RobotSpec, tmp_path: Path) -> None:
    rows = sine()
    plain = one(write_csv(tmp_path / "a.csv", rows), pendulum)
    rows[:, 0] -= 1.5
    shifted = one(write_csv(tmp_path / "b.csv", rows), pendulum)
    np.testing.assert_allclose(shifted.observations, plain.observations, atol=1e-9)
    np.testing.assert_allclose(shifted.time_s, plain.time_s, atol=1e-9)


def test_runs_of_the_same_name(pendulum: RobotSpec, tmp_path: Path) -> None:
    csvs = []
    for folder in ("monday/a", "monday/b", "tuesday/a", "tuesday/c"):
        (tmp_path / folder).mkdir(parents=True)
        csvs.append(write_csv(tmp_path / folder / "run.csv", sine()))
    csvs.append(write_csv(tmp_path / "monday/other.csv", sine()))
    names = [path.name for path in import_csv(csvs, pendulum, tmp_path / "out")]
    assert names == [
        "monday-a-run.mcap",
        "b-run.mcap",
        "tuesday-a-run.mcap",
        "c-run.mcap",
        "other.mcap",
    ]
    with pytest.raises(DataError, match="given twice"):
        import_csv([csvs[0], csvs[0]], pendulum, tmp_path / "again")


def test_angles_that_start_anew_each_turn(pendulum: RobotSpec, tmp_path: Path) -> None:
    """Of a joint that wraps they are the same as those that go on."""
    rows = sine()
    whole = one(write_csv(tmp_path / "a.csv", rows), pendulum)
    assert np.ptp(whole.q_rad) > np.pi
    for name, low in (("b", -np.pi), ("c", 0.0)):
        rows[:, 1] = (rows[:, 1] - low) % (2 * np.pi) + low
        episode = one(write_csv(tmp_path / f"{name}.csv", rows), pendulum)
        np.testing.assert_allclose(episode.observations, whole.observations, atol=1e-6)


def test_degrees_are_noticed(pendulum: RobotSpec, tmp_path: Path) -> None:
    rows = sine()
    rows[:, 1] = np.rad2deg(rows[:, 1])
    with pytest.raises(DataError, match="faster than its limit of"):
        one(write_csv(tmp_path / "a.csv", rows), pendulum)


def test_a_value_that_no_joint_can_have_is_left_out(pendulum: RobotSpec, tmp_path: Path) -> None:
    rows = sine()
    rows[500, 1] = 1e9
    episode = one(write_csv(tmp_path / "a.csv", rows), pendulum)
    assert np.abs(episode.q_rad).max() < 4.1 and len(episode.segments()) == 2
    jumps, alone = episode.metadata.extra["dropped"]
    assert jumps.startswith("2 jumps of more than 10 times") and "0.998 s" in jumps
    assert alone.startswith("1 rows between them")


@pytest.mark.parametrize("what", ["a pipe", "a folder"])
def test_what_is_no_file_is_refused_at_once(pendulum: RobotSpec, tmp_path: Path, what: str) -> None:
    path = tmp_path / "thing"
    os.mkfifo(path) if what == "a pipe" else path.mkdir()
    with pytest.raises(DataError, match=f"it is {what}"):
        one(path, pendulum)
    with pytest.raises(DataError, match=f"it is {what}"):
        read_columns(path, pendulum)


def test_broken_files_end_in_one_message(pendulum: RobotSpec, tmp_path: Path) -> None:
    """Flipped bits, cuts and nonsense: an episode or a DataError, nothing else."""
    rng, outcomes = np.random.default_rng(0), set()
    whole = write_csv(tmp_path / "a.csv", sine(50.0, 1.0)).read_bytes()
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            data[rng.integers(len(data))] = rng.integers(256)
        (tmp_path / "b.csv").write_bytes(data[: rng.integers(1, len(data) + 1)])
        try:
            lay_out(tmp_path / "b.csv", pendulum, LogColumns(), "auto", 0.06)
            outcomes.add("kept")
        except DataError:
            outcomes.add("refused")
    assert outcomes == {"kept", "refused"}
