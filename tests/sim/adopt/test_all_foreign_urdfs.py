"""Every URDF that comes with PyBullet: built by both engines, or refused once with all reasons."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.errors import SpecError
from sim import make_vec_env
from sim.adopt.new_robot import new_robot

pybullet_data = pytest.importorskip("pybullet_data")
pytestmark = pytest.mark.bullet
DATA = Path(pybullet_data.getDataPath())
BROKEN = {  # what only an editor mends, and the reason that is to be read
    "bicycle/bike.urdf": "expected 3 finite numbers",
    "biped/biped2d_pybullet.urdf": "nothing may stand before <.xml",
    "differential/diff_ring.urdf": "nothing may stand before <.xml",
    "humanoid/humanoid.urdf": "not valid XML.*line 288",
    "quadruped/microtaur/microtaur.urdf": "expected 3 finite numbers",
    "quadruped/spirit40newer.urdf": "more than one <axis>",
    "spherical_joint_limit.urdf": "nothing to control",
    "torus_deform.urdf": "no <link>",
}
if importlib.util.find_spec("xacro") is None:
    BROKEN["husky/husky.urdf"] = "is xacro"
A_HANDFUL = ("kuka_iiwa/model_for_sdf.urdf", "laikago/laikago.urdf", "pr2_gripper.urdf",
             "spherical_joint_limit.urdf", "table/table.urdf", "bicycle/bike.urdf")  # fmt: skip


def remedy(message: str) -> dict[str, Any] | None:
    """The options that a refusal recommends, as new_robot takes them."""
    command = re.search(r"new-robot (--[^`]*)`", message)
    if command is None or "corrected in the file" in message:
        return None
    words = shlex.split(command[1])
    names = [word for word in words if not word.startswith("--")]
    return {
        "weld": names,
        "guess_inertia": "--guess-inertia" in words,
        "meshes": "--no-meshes" not in words,
    }


def both_engines_build(spec: RobotSpec) -> None:
    for backend in ("mujoco", "pybullet"):
        env = make_vec_env(spec, 1, backend=backend, threads=1, randomize=False)
        env.reset(seed=0)
        for _ in range(5):
            env.step(np.full((1, len(spec.actuators)), 0.1))
        assert np.isfinite(env.worlds.true_state()[0]).all()
        env.close()


def adopt_or_read_why_not(path: Path, folder: Path) -> str:
    """The one message that says why not, or "". The command that it names mends all of it."""
    try:
        both_engines_build(new_robot(path, folder / "robot").spec)
        return ""
    except SpecError as error:
        told = str(error)
    options = remedy(told)
    if options is not None and "nothing to control" not in told:
        both_engines_build(new_robot(path, folder / "mended", **options).spec)
    return told


def urdfs() -> Iterator[str]:
    """One of the thousand random objects is enough: none has a joint."""
    for path in sorted(DATA.rglob("*.urdf")):
        name = str(path.relative_to(DATA))
        if not name.startswith("random_urdfs") or name.endswith("/000.urdf"):
            yield name


def check(name: str, tmp_path: Path) -> None:
    told = adopt_or_read_why_not(DATA / name, tmp_path)
    if not told:
        assert name not in BROKEN
        return
    assert str(DATA / name) in told
    if remedy(told) is None or "nothing to control" in told:
        assert re.search(BROKEN.get(name, "nothing to control"), told), told


@pytest.mark.parametrize("name", A_HANDFUL)
def test_built_by_both_engines_or_refused_with_all_reasons(name: str, tmp_path: Path) -> None:
    check(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in urdfs() if name not in A_HANDFUL])
def test_every_other_urdf_too(name: str, tmp_path: Path) -> None:
    check(name, tmp_path)
