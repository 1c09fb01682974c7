"""What happens by chance and from outside: sizes, rates, and what mechanics makes of it."""

import math
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec, load_robot
from sim import mujoco_model
from sim.bullet_engine.worlds import BulletWorlds, InThisProcess
from sim.laws.disturbances import Disturbance, Disturbances
from sim.mujoco_engine.body_fields import add_payload
from sim.mujoco_engine.worlds import MujocoWorlds
from sim.worlds import Worlds, make_worlds
from tests.support.engines import each_engine, parameters
from tests.support.robots import furuta_toml, one_joint, quiet, write_robot

J = 1e-4  # the wheel of `one_joint`
TICK_S = 0.02
B, TICKS = 300, 400


def wheel(folder: Path, effects: dict[str, Any], **edit: Any) -> RobotSpec:
    return one_joint(folder, command="torque", edit={"effects": effects} | edit)


def furuta_with(folder: Path, effects: dict[str, Any], rate_hz: float = 1000) -> RobotSpec:
    toml = quiet(furuta_toml())
    toml["effects"], toml["control"]["physics_rate_hz"] = effects, rate_hz
    return load_robot(write_robot(folder, toml))


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


def start(spec: RobotSpec, backend: str, size: int, **given: Any) -> Worlds:
    worlds = make_worlds(spec, size, backend=backend, threads=1)
    worlds.reset(parameters(spec, size, **given), np.arange(size))
    return worlds


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


@each_engine
def test_a_leaning_base_moves_where_things_hang(backend: str, tmp_path: Path) -> None:
    """The pendulum turns about x: leaning towards y by t it hangs at t, towards x at 0."""
    spec = furuta_with(tmp_path, {"gravity": {"tilt_rad": 0.0}}, rate_hz=250)
    tilt, direction = np.array([0.0, 0.4, 0.4, 0.4]), np.array([0.0, 1.0, 0.0, -1.0]) * math.pi / 2
    given = {
        "gravity__tilt_rad": tilt,
        "gravity__direction_rad": direction,
        "joints__pendulum__damping": 20.0,
        "joints__pendulum__friction": 0.01,
        "joints__arm__friction": 100.0,
    }
    worlds = start(spec, backend, 4, **given)
    for _ in range(100):
        worlds.step(np.zeros((4, 1)))
    expected = [0.0, 0.4, 0.0, -0.4]
    np.testing.assert_allclose(worlds.true_state()[0][:, 1], expected, atol=0.01)


@each_engine
def test_a_payload_comes_at_its_time_and_weighs_what_it_does(backend: str, tmp_path: Path) -> None:
    """Before: the world without it. After: one that was built with it, from the same state on."""
    names = ("kg", "at_s", "distance_m")
    zero = {f"payload_{name}": 0.0 for name in names}
    spec = furuta_with(tmp_path, {"links": {"pendulum": zero, "arm": {"payload_kg": 0.0}}})
    swing = {"initial__pendulum__position_rad": 1.0}
    given = {
        "links__pendulum__payload_kg": np.array([0.0, 0.01, 0.01, 0.03, 0.01]),
        "links__pendulum__payload_at_s": np.array([0.0, 0.0, 0.1, 0.1, 0.1]),
        "links__pendulum__payload_distance_m": np.array([0.1, 0.1, 0.1, 0.1, math.nan]),
        "links__arm__payload_kg": np.array([0.0, 0.0, 0.0, 0.0, 0.05]),
        "links__arm__payload_at_s": 0.2,
        "links__pendulum__length": np.array([1.0, 1.0, 1.0, 1.0, 1.1]),
    }
    worlds = start(spec, backend, 5, **given, **swing)
    path = []
    for _ in range(15):
        worlds.step(np.zeros((5, 1)))
        path.append(worlds.true_state()[0][:, 1])
    swings = np.array(path)
    np.testing.assert_array_equal(swings[:5, 0], swings[:5, 2])
    np.testing.assert_array_equal(swings[:5, 2], swings[:5, 3])
    assert (np.abs(swings[6, 2:4] - swings[6, 0]) > 1e-4).all()
    masses = {
        "pendulum": 0.024 + np.array([0.0, 0.01, 0.01, 0.03, 0.01]),
        "arm": 0.095 + np.array([0.0, 0.0, 0.0, 0.0, 0.05]),
    }
    for world in range(5):
        model = mujoco_model(spec, {"links.pendulum.length": 1.1} if world == 4 else None)
        for link, mass in masses.items():
            added = mass[world] - model.body(link).mass[0]
            distance = 0.1 if world < 4 and link == "pendulum" else math.nan
            if added > 1e-9:
                add_payload(model, model.body(link).id, added, distance)
        data, inertia = mujoco.MjData(model), np.zeros((2, 2))
        data.qpos[:] = worlds.true_state()[0][world]
        mujoco.mj_forward(model, data)
        mujoco.mj_fullM(model, data, inertia)
        np.testing.assert_allclose(mass_matrix(worlds, world), inertia, rtol=1e-9)


def mass_matrix(worlds: Worlds, world: int) -> np.ndarray:
    """What the engine holds, with rotors, at the state that it is in."""
    if isinstance(worlds, BulletWorlds):
        assert isinstance(worlds._workers[0], InThisProcess)
        return worlds.mass_matrix(world)
    assert isinstance(worlds, MujocoWorlds)
    model = worlds.model_of(world)
    data, inertia = mujoco.MjData(model), np.zeros((model.nv, model.nv))
    data.qpos[:] = worlds.true_state()[0][world]
    mujoco.mj_forward(model, data)
    mujoco.mj_fullM(model, data, inertia)
    return inertia


def test_a_payload_off_the_axes_turns_them(tmp_path: Path) -> None:
    """Composite inertia of a body with turned axes, against its parts one by one (Steiner)."""
    spec = load_robot("arm")
    model = mujoco_model(spec)
    body = model.body("forearm").id
    mass, centre = model.body_mass[body], model.body_ipos[body].copy()
    before = about_origin(model, body)
    add_payload(model, body, 0.2, 0.15)
    point = 0.15 * centre / np.linalg.norm(centre)
    square = float(point @ point) * np.eye(3) - np.outer(point, point)
    np.testing.assert_allclose(about_origin(model, body), before + 0.2 * square, atol=1e-12)
    total = (mass * centre + 0.2 * point) / (mass + 0.2)
    np.testing.assert_allclose(model.body_ipos[body], total, atol=1e-12)


def about_origin(model: mujoco.MjModel, body: int) -> np.ndarray:
    """Inertia (3, 3) of a body about its frame's origin."""
    flat = np.zeros(9)
    mujoco.mju_quat2Mat(flat, model.body_iquat[body])
    axes, centre = flat.reshape(3, 3), model.body_ipos[body]
    inertia = axes @ np.diag(model.body_inertia[body]) @ axes.T
    return inertia + model.body_mass[body] * (
        float(centre @ centre) * np.eye(3) - np.outer(centre, centre)
    )
