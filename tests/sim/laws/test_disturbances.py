"""What happens by chance and from outside: sizes, rates, and what mechanics makes of it."""

import math
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from sim import mujoco_model
from sim.bullet_engine.worlds import BulletWorlds
from sim.laws.disturbances import Disturbance, Disturbances
from sim.mujoco_engine.worlds import MujocoWorlds
from sim.worlds import Worlds
from tests.support.engines import each_engine, parameters, start
from tests.support.robots import one_joint

J = 1e-4  # the wheel of `one_joint`
TICK_S = 0.02
B, TICKS = 300, 400


def wheel(folder: Path, effects: dict[str, Any], **edit: Any) -> RobotSpec:
    return one_joint(folder, command="torque", edit={"effects": effects} | edit)


def drawn(spec: RobotSpec) -> list[Disturbance]:
    """Of B worlds in TICKS control periods."""
    disturbances, rng = Disturbances(spec, B), np.random.default_rng(0)
    disturbances.set_parameters(parameters(spec, B), np.arange(B))
    return [disturbances.draw(rng) for _ in range(TICKS)]


def calm(spec: RobotSpec, worlds: int, **given: Any) -> Disturbance:
    """Nothing happens, but for `given`."""
    joints, motors = (worlds, len(spec.joints)), (worlds, len(spec.actuators))
    values: dict[str, Any] = {
        "command_late_ms": np.zeros(motors),
        "command_lost": np.zeros(motors, dtype=bool),
        "sample_late_ms": np.zeros((worlds, 1)),
        "torque_nm": np.zeros(joints),
        "force_n": np.zeros((worlds, len(spec.links), 3)),
    }
    return Disturbance(**(values | given))


def step(worlds: Worlds, action: np.ndarray, chance: Disturbance, monkeypatch: Any) -> None:
    """One control period with a given disturbance."""
    assert isinstance(worlds, MujocoWorlds | BulletWorlds)
    monkeypatch.setattr(worlds._disturbances, "draw", lambda rng: chance)
    worlds.step(action, rng=np.random.default_rng(0))


def test_pushes_are_a_poisson_process_of_uniform_impulses(tmp_path: Path) -> None:
    rate, size = 2.0, 3e-3
    links = {"body": {"pushes_per_s": 4.0, "push_n_s": 0.5}}
    joints = {"pendulum": {"pushes_per_s": rate, "push_nm_s": size}}
    found = drawn(wheel(tmp_path, {"joints": joints, "links": links}))
    impulse = np.array([d.torque_nm for d in found]).ravel() * TICK_S
    blow = np.array([d.force_n for d in found]).reshape(-1, 3) * TICK_S
    ticks = TICKS * B
    for hits, per_s in ((impulse != 0, rate), (blow.any(1), 4.0)):
        expected = ticks * -math.expm1(-per_s * TICK_S)
        assert hits.sum() == pytest.approx(expected, abs=4 * math.sqrt(expected))
    hard = impulse[impulse != 0]
    assert np.abs(hard).max() == pytest.approx(size, rel=0.01)
    assert hard.mean() == pytest.approx(0.0, abs=0.03 * size)
    assert hard.std() == pytest.approx(size / math.sqrt(3), rel=0.02)
    strength = np.linalg.norm(blow[blow.any(1)], axis=1)
    assert strength.max() == pytest.approx(0.5, rel=0.01)
    assert strength.mean() == pytest.approx(0.25, rel=0.02)
    direction = blow[blow.any(1)] / strength[:, None]
    np.testing.assert_allclose(direction.mean(0), 0.0, atol=0.03)


def test_jitter_and_losses_have_their_size(tmp_path: Path) -> None:
    sensors = {"jitter_ms": 3.0}
    found = drawn(wheel(tmp_path, {"sensors": sensors, "actuators": {"motor": {"jitter_ms": 7.0}}}))
    for late, size in (
        (np.array([d.command_late_ms for d in found]), 7.0),
        (np.array([d.sample_late_ms for d in found]), 3.0),
    ):
        assert late.min() == pytest.approx(-size, rel=0.01)
        assert late.std() == pytest.approx(size / math.sqrt(3), rel=0.02)
    assert not any(d.command_lost.any() for d in found)
    lossy = drawn(wheel(tmp_path, {"actuators": {"motor": {"lost_share": 0.03}}}))
    share = np.mean([d.command_lost for d in lossy])
    assert share == pytest.approx(0.03, abs=4 * math.sqrt(0.03 / (B * TICKS)))


def test_a_robot_without_any_has_none_and_none_happens_without_a_generator(tmp_path: Path) -> None:
    assert not Disturbances.needed(load_robot("furuta").nominal)
    spec = wheel(tmp_path, {"joints": {"pendulum": {"pushes_per_s": 100.0, "push_nm_s": 1e-3}}})
    for pushed, rng in ((False, None), (True, np.random.default_rng(0))):
        worlds = start(spec, "mujoco", 1)
        for _ in range(5):
            worlds.step(np.zeros((1, 1)), rng=rng)
        assert (worlds.true_state()[1] != 0).any() == pushed


@each_engine
def test_a_push_changes_momentum_by_its_impulse(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = wheel(tmp_path, {"joints": {"pendulum": {"pushes_per_s": 1.0, "push_nm_s": 1e-3}}})
    worlds, impulse = start(spec, backend, 2), np.array([[1e-3], [-4e-4]])
    step(worlds, np.zeros((2, 1)), calm(spec, 2, torque_nm=impulse / TICK_S), monkeypatch)
    np.testing.assert_allclose(worlds.true_state()[1], impulse / J, rtol=1e-6)
    step(worlds, np.zeros((2, 1)), calm(spec, 2), monkeypatch)
    np.testing.assert_allclose(worlds.true_state()[1], impulse / J, rtol=1e-6, err_msg="it ends")


@each_engine
@pytest.mark.parametrize("name", ["furuta", "arm"])
def test_a_blow_on_a_link_accelerates_as_its_jacobian_says(
    backend: str, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One short step from rest: change of speed against that of the torques J' f."""
    found = load_robot(name)
    effects = {f"links.{link}.push_n_s": 0.0 for link in found.links}
    spec = type(found)(**(vars(found) | {"effects": effects}))
    rng, size = np.random.default_rng(4), len(found.links)
    q = np.array([j.home_rad for j in spec.joints]) + rng.uniform(
        -0.3, 0.3, (size, len(spec.joints))
    )
    force = np.zeros((size, size, 3))
    force[np.arange(size), np.arange(size)] = rng.uniform(
        -1, 1, (size, 3)
    )  # each link in one world
    model = mujoco_model(spec)
    data, torque = mujoco.MjData(model), np.zeros((size, len(spec.joints)))
    for world, link in enumerate(spec.links):
        data.qpos[:] = q[world]
        mujoco.mj_forward(model, data)
        jacobian, body = np.zeros((3, model.nv)), model.body(link).id
        mujoco.mj_jac(model, data, jacobian, None, data.xipos[body], body)
        torque[world] = jacobian.T @ force[world, world]
    speeds = []
    for given in ({"force_n": force}, {"torque_nm": torque}, {}):
        worlds = start(spec, backend, size)
        worlds.set_true_state(q, np.zeros_like(q), np.arange(size))
        assert isinstance(worlds, MujocoWorlds | BulletWorlds)
        chance = calm(spec, size, **given)
        monkeypatch.setattr(worlds._disturbances, "draw", lambda rng, chance=chance: chance)
        worlds.step(np.zeros((size, len(spec.actuators))), 1, np.random.default_rng(0))
        speeds.append(worlds.true_state()[1])
    np.testing.assert_allclose(speeds[0], speeds[1], atol=1e-7 * np.abs(speeds[1]).max())
    assert np.abs(speeds[0] - speeds[2]).max() > 1e-3


@each_engine
def test_late_and_lost_commands_act_late_or_never(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Constant torque from t = 0 that is d late: speed a max(0, t - d); a lost command leaves the
    one before in force. Fractions of a control period, not whole ones."""
    edit = {"randomization": {"actuators": {"motor": {"jitter_ms": {"range": [0.0, 15.0]}}}}}
    spec = wheel(tmp_path, {"actuators": {"motor": {"lost_share": 0.1}}}, **edit)
    late_ms, lost = np.array([[0.0], [7.0], [15.0], [-9.0], [0.0]]), np.zeros((5, 1), dtype=bool)
    lost[4] = True
    worlds = start(spec, backend, 5, actuators__motor__torque_constant=1e-4)
    chance = calm(spec, 5, command_late_ms=late_ms, command_lost=lost)
    step(worlds, np.ones((5, 1)), chance, monkeypatch)
    acceleration = 5e-4 / J
    expected = acceleration * (TICK_S - np.maximum(late_ms[:, 0], 0.0) / 1000) * ~lost[:, 0]
    np.testing.assert_allclose(worlds.true_state()[1][:, 0], expected, atol=1e-9)
    lost[:] = [[False], [False], [False], [True], [False]]
    chance = calm(spec, 5, command_lost=lost)
    step(worlds, -np.ones((5, 1)), chance, monkeypatch)
    expected += acceleration * TICK_S * np.where(lost[:, 0], 1.0, -1.0)
    np.testing.assert_allclose(worlds.true_state()[1][:, 0], expected, atol=1e-9)


@each_engine
def test_late_samples_are_older_by_fractions_of_a_period(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = wheel(
        tmp_path, {"sensors": {"jitter_ms": 8.0}}, sensor={"latency_ms": 4.0, "noise_counts": 0.0}
    )
    worlds = start(spec, backend, 4, initial__pendulum__velocity_rad_s=1.0)
    late_ms = np.array([[0.0], [7.3], [-2.0], [-8.0]])
    for _ in range(2):
        step(worlds, np.zeros((4, 1)), calm(spec, 4, sample_late_ms=late_ms), monkeypatch)
    age_s = np.array([4.0, 11.3, 2.0, 0.0]) / 1000
    measured = worlds.measure(np.random.default_rng(0))[:, 0]
    np.testing.assert_allclose(measured, 2 * TICK_S - age_s, atol=1e-8)
