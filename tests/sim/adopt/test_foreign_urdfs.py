"""Robots that come with PyBullet: a folder from the URDF alone, built by both engines alike."""

from pathlib import Path

import numpy as np
import pybullet_data
import pytest

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.learning.pretrain import PretrainConfig, Pretraining
from robot_mbrl.models.fitting.fit import FitConfig
from robot_mbrl.runs.run_folder import RunFolder
from sim import make_vec_env
from sim.adopt.new_robot import new_robot

DATA = Path(pybullet_data.getDataPath())


def angles(spec: RobotSpec, backend: str) -> np.ndarray:
    """Where the joints are after half a second of small commands, (J,)."""
    env = make_vec_env(spec, 1, backend=backend, threads=1, randomize=False)
    env.reset(seed=0)
    for _ in range(25):
        env.step(np.full((1, len(spec.actuators)), 0.1))
    q: np.ndarray = env.worlds.true_state()[0][0]
    env.close()
    return q


@pytest.mark.parametrize(
    ("urdf", "joints", "guess"),
    [
        ("kuka_iiwa/model.urdf", 7, False),
        ("a1/a1.urdf", 12, False),  # its transmissions name the joints once more
        ("laikago/laikago.urdf", 12, True),
    ],
)
def test_both_engines_build_it_and_agree(
    urdf: str, joints: int, guess: bool, tmp_path: Path
) -> None:
    spec = new_robot(DATA / urdf, tmp_path / "robot", guess_inertia=guess, meshes=False).spec
    assert len(spec.joints) == joints
    first, second = (angles(spec, backend) for backend in ("mujoco", "pybullet"))
    assert np.abs(first).max() > 0.05
    np.testing.assert_allclose(first, second, atol=0.02)


def test_a_laikago_says_why_it_cannot_be_built_as_it_is(tmp_path: Path) -> None:
    message = r"laikago.urdf: links 'FR_hip_motor', .*: <inertia> .* 0, 0, 0 kg m2.*--guess-inertia"
    with pytest.raises(SpecError, match=message):
        new_robot(DATA / "laikago/laikago.urdf", tmp_path / "robot", meshes=False)


@pytest.mark.slow
def test_a_kuka_arm_pretrains_without_an_edit(tmp_path: Path) -> None:
    """A few updates: that it runs to its end, not that it learns."""
    spec = new_robot(DATA / "kuka_iiwa/model.urdf", tmp_path / "robot", meshes=False).spec
    config = PretrainConfig(
        num_envs=8,
        updates=16,
        warmup_steps=400,
        checkpoint_every=16,
        evaluation_worlds=2,
        alarm_worlds=4,
        episode_s=1.0,
        fit=FitConfig(steps=20),
    )
    report = Pretraining(spec, make_vec_env, config, RunFolder(tmp_path / "run")).run(
        lambda *_: None
    )
    assert report.transitions > 400
    assert np.isfinite(report.fit.holdout_nll).all()
