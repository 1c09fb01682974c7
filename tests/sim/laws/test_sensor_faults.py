"""Lost, repeated and stuck samples: how often, and what the observer makes of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_mbrl.contract import ObservationLayout, Observer, RobotSpec, load_robot
from sim import make_env, make_vec_env
from sim.laws.sensor_faults import SensorFaults
from tests.support.engines import each_engine, parameters
from tests.support.robots import furuta_toml, quiet, write_robot

B, TICKS = 400, 200


def robot(folder: Path, effects: dict[str, Any]) -> RobotSpec:
    toml = quiet(furuta_toml())
    toml["effects"] = effects
    return load_robot(write_robot(folder, toml))


def samples(spec: RobotSpec) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Angles that grow by 1 a tick, what arrives of them (T, B, J), and whether it did (T, B)."""
    faults, rng = SensorFaults(spec, B), np.random.default_rng(1)
    everyone = np.arange(B)
    faults.set_parameters(parameters(spec, B), everyone)
    faults.start(np.zeros((B, 2)), everyone)
    found = [faults.pass_on(np.full((B, 2), k + 1.0), rng) for k in range(TICKS)]
    true = np.arange(1.0, TICKS + 1)[:, None, None]
    return true, np.array([q for q, _ in found]), np.array([fresh for _, fresh in found])


def test_without_faults_everything_arrives(tmp_path: Path) -> None:
    spec = robot(tmp_path, {"sensors": {"lost_share": 0.0}})
    true, shown, fresh = samples(spec)
    np.testing.assert_array_equal(shown, np.broadcast_to(true, shown.shape))
    assert fresh.all()
    assert not SensorFaults.needed(load_robot("furuta").nominal)


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_samples_are_lost_with_their_probability(share: float, tmp_path: Path) -> None:
    true, shown, fresh = samples(robot(tmp_path, {"sensors": {"lost_share": share}}))
    assert 1 - fresh.mean() == pytest.approx(share, abs=4 * np.sqrt(share / fresh.size))
    np.testing.assert_array_equal(shown, np.broadcast_to(true, shown.shape))


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_repeated_samples_show_what_the_last_one_did(share: float, tmp_path: Path) -> None:
    true, shown, fresh = samples(robot(tmp_path, {"sensors": {"repeated_share": share}}))
    assert fresh.all()
    old = shown != true
    assert old[..., 0].mean() == pytest.approx(share, abs=4 * np.sqrt(share / old[..., 0].size))
    np.testing.assert_array_equal(old[..., 0], old[..., 1])
    before = np.concatenate([np.zeros((1, B, 2)), shown[:-1]])
    np.testing.assert_array_equal(shown[old], before[old])


@pytest.mark.parametrize(("rate", "seconds"), [(0.5, 0.1), (2.0, 0.04)])
def test_an_encoder_sticks_so_often_and_so_long(
    rate: float, seconds: float, tmp_path: Path
) -> None:
    joints = {"pendulum": {"freezes_per_s": rate, "freeze_s": seconds}}
    true, shown, _ = samples(robot(tmp_path, {"joints": joints}))
    old = (shown != true)[..., 1]
    assert not (shown != true)[..., 0].any(), "the other encoder works"
    begins = old & ~np.concatenate([np.zeros((1, B), bool), old[:-1]])
    length = round(seconds * 50)
    free = ~old | begins  # nothing new begins while it sticks
    expected = free.sum() * -np.expm1(-rate * 0.02)
    assert begins.sum() == pytest.approx(expected, abs=4 * np.sqrt(expected) + 0.05 * expected)
    first = begins[: TICKS - length].argmax(0)
    for world in np.flatnonzero(begins[: TICKS - length].any(0))[:20]:
        k = first[world]
        assert old[k : k + length, world].all()
        assert (shown[k : k + length, world, 1] == k).all(), "what it showed before"


@each_engine
def test_a_lost_sample_is_bridged_as_on_the_robot(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The vector environment's observations are those of observers that got None."""
    spec = robot(tmp_path, {"sensors": {"lost_share": 0.5, "repeated_share": 0.2}})
    env = make_vec_env(spec, 2, backend=backend, randomize=False, seed=3)
    env.reset()
    passed: list[tuple[np.ndarray, np.ndarray]] = []
    honest = SensorFaults.pass_on

    def spy(faults: SensorFaults, q: np.ndarray, rng: np.random.Generator) -> Any:
        passed.append(honest(faults, q, rng))
        return passed[-1]

    monkeypatch.setattr(SensorFaults, "pass_on", spy)
    observers = [Observer(ObservationLayout.from_spec(spec)) for _ in range(2)]
    for observer in observers:
        observer.reset(np.zeros(2))
    rng = np.random.default_rng(0)
    for _ in range(20):
        obs, *_, info = env.step(rng.uniform(-0.3, 0.3, (2, 1)))
        shown, fresh = passed[-1]
        for world, observer in enumerate(observers):
            q = shown[world] if fresh[world] else None
            expected = observer.update(q, info["applied"][world]).astype(np.float32)
            np.testing.assert_array_equal(obs[world], expected)
    lost = ~np.array([fresh for _, fresh in passed])
    assert 5 < lost.sum() < 35


def test_the_supervisor_coasts_over_samples_that_a_simulated_robot_loses(tmp_path: Path) -> None:
    env = make_env(robot(tmp_path, {"sensors": {"lost_share": 0.2}}), randomize=False)
    env.reset(seed=0)
    fresh, stopped = [], False
    for _ in range(100):
        *_, truncated, info = env.step(np.zeros(1))
        stopped = bool(info["stop_reason"])
        if truncated:
            break
        fresh.append(info["fresh"])
    assert 0.05 < 1 - np.mean(fresh) < 0.4
    assert not stopped or info["stop_reason"] == "link_lost"
