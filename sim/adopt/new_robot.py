"""A robot folder from any URDF: read, mended, given first numbers, written, built and tried."""

import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

from robot_mbrl.contract import RobotSpec, load_robot
from robot_mbrl.contract.errors import DataError, SettingsError, SpecError
from robot_mbrl.contract.files.whole_file import write_whole
from robot_mbrl.contract.urdf.tree import Urdf, read_urdf
from sim.adopt.adopt_urdf import AdoptedUrdf, adopt_urdf
from sim.adopt.first_guess import JointGuess, guess_joints, soft_margin
from sim.adopt.joint_scale import HINGE, SLIDE
from sim.adopt.robot_toml import placeholder_notes, robot_toml
from sim.envs.vec_env import SimVecEnv
from sim.mujoco_engine.urdf_xml import physics_xml

TRIAL_S = 1.0


@dataclass(frozen=True)
class NewRobot:
    """What was made: the robot, its joints' first numbers, what was changed in the URDF."""

    spec: RobotSpec
    joints: tuple[JointGuess, ...]
    notes: tuple[str, ...]


def new_robot(
    urdf: Path,
    folder: Path,
    *,
    name: str | None = None,
    command: str = "position",
    weld: Sequence[str] = (),
    passive: Sequence[str] = (),
    guess_inertia: bool = False,
    meshes: bool = True,
) -> NewRobot:
    """Write a robot folder that trains as it is.

    Args:
        urdf: any URDF.
        folder: made new; must not hold anything yet.
        name: of the robot; the URDF's file name by default.
        command: what motors take, "position" or "torque".
        passive: joints without a motor.
        weld, guess_inertia, meshes: see adopt_urdf.

    Raises:
        SpecError: the URDF cannot be simulated: file, element and remedy.
        SettingsError: a joint of `weld` or `passive` that the robot does not have, or no joint
            that has a motor.
        DataError: the folder is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: exists already; choose another --out, or remove it")
    adopted = adopt_urdf(urdf, weld=weld, guess_inertia=guess_inertia, meshes=meshes)
    plain = urdf.name.removesuffix(".xacro").removesuffix(".urdf")
    name = name or re.sub(r"[^A-Za-z0-9_-]+", "_", plain)
    folder.parent.mkdir(parents=True, exist_ok=True)
    # All or nothing: a folder that was not tried never gets its name.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-robot-") as made:
        inside = Path(made) / "robot"
        inside.mkdir()
        joints = _write(adopted, urdf, folder, inside, name, command, passive)
        try_out(load_robot(inside), urdf)
        if folder.exists():
            folder.rmdir()
        shutil.move(inside, folder)
    return NewRobot(load_robot(folder.absolute()), joints, tuple(adopted.notes))


def _write(
    adopted: AdoptedUrdf,
    source: Path,
    folder: Path,
    inside: Path,
    name: str,
    command: str,
    passive: Sequence[str],
) -> tuple[JointGuess, ...]:
    adopted.write(inside, f"{name}.urdf")
    urdf = read_urdf(inside / f"{name}.urdf")
    _check_passive(urdf, source, passive)
    try:
        model = mujoco.MjModel.from_xml_string(physics_xml(urdf.path))
    except ValueError as error:
        raise SpecError(f"{source}: MuJoCo cannot build this robot: {error}") from error
    joints = guess_joints(urdf, model, passive)
    adopted.add_friction({g.joint.name: g.friction_nm for g in joints if g.friction_nm})
    adopted.write(inside, f"{name}.urdf")
    adopted.notes += placeholder_notes(joints)
    text = robot_toml(
        joints,
        limits=adopted.limits,
        name=name,
        folder=str(folder),
        source=source.name,
        urdf=f"{name}.urdf",
        root=urdf.root,
        margins={s.unit: soft_margin(urdf, s) for s in (HINGE, SLIDE)},
        command=command,
        notes=adopted.notes,
    )
    write_whole(inside / "robot.toml", text)
    return joints


def _check_passive(urdf: Urdf, source: Path, passive: Sequence[str]) -> None:
    movable = [joint.name for joint in urdf.moving]
    for name in passive:
        if name not in movable:
            raise SettingsError(
                f"{source}: --passive {name}: no such movable joint; it has: {', '.join(movable)}"
            )
    if set(passive) == set(movable):
        raise SettingsError(
            f"{source}: --passive {' '.join(passive)}: no joint is left that has a motor; leave "
            "one of them out"
        )


def try_out(spec: RobotSpec, source: Path) -> None:
    """Drive a robot wildly for a second in four random worlds.

    Raises SpecError, naming the URDF `source`, if a joint gets ten times as fast as it may.
    """
    env = SimVecEnv(spec, 4, variations=spec.randomization, threads=1)
    rng = np.random.default_rng(0)
    fastest = 10 * np.array([j.velocity_limit_rad_s for j in spec.joints])
    env.reset(seed=0)
    for _ in range(round(TRIAL_S * spec.control.rate_hz)):
        env.step(rng.uniform(-1, 1, (4, len(spec.actuators))))
        speed = np.abs(env.worlds.true_state()[1])
        if not np.isfinite(speed).all() or (speed > fastest).any():
            worst = spec.joints[int(np.argmax((speed / fastest).max(0)))].name
            raise SpecError(
                f"{source}: joint {worst!r} runs away in simulation; check the inertia of the "
                "links behind it and its <limit> effort and velocity"
            )
    env.close()
