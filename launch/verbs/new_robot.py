"""`robot-mbrl new-robot`: a robot folder from any URDF."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from launch.verb import Outcome, Verb
from sim.adopt.new_robot import new_robot


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Write a robot folder (robot.toml, a copy of the URDF and its meshes) from any URDF.

    Joints, limits and inertias are read; the rest gets a first number and a comment that says how
    to measure it. The folder pretrains without an edit on the task "reach a joint pose".
    """

    urdf: Annotated[Path, tyro.conf.Positional]
    """the URDF"""
    out: Path
    """folder to make"""
    name: str | None = None
    """name of the robot; the URDF's file name by default"""
    command: Literal["position", "torque"] = "position"
    """what its motors take"""
    weld: tuple[str, ...] = ()
    """joints to make fixed, such as fingers"""
    passive: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """a joint without a motor, such as a pole on a cart; once for each"""
    guess_inertia: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """replace inertias that no body can have by rough ones"""
    no_meshes: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """leave meshes out: simulation needs none, pictures do"""


def run(settings: Settings) -> Outcome:
    """Make the folder and say what to do next."""
    made = new_robot(
        settings.urdf,
        settings.out,
        name=settings.name,
        command=settings.command,
        weld=settings.weld,
        passive=settings.passive,
        guess_inertia=settings.guess_inertia,
        meshes=not settings.no_meshes,
    )
    for note in made.notes:
        print(f"  {note}")
    for guess in made.joints:
        if not guess.passive and guess.effort_nm < guess.load_nm:
            unit = guess.scale.effort
            print(
                f"  joint {guess.joint.name!r}: its effort of {guess.effort_nm:.3g} {unit} does "
                f"not carry its load of {guess.load_nm:.3g} {unit} in every pose"
            )
    toml = settings.out / "robot.toml"
    marks = toml.read_text(encoding="utf-8").count("# MEASURE") - 1  # one explains the word
    print(
        f"{toml}: {len(made.joints)} joints; {marks} numbers marked MEASURE\n"
        f"next: robot-mbrl pretrain --robot {settings.out} --out runs/{made.spec.name}"
    )
    joints = [g.joint.name for g in made.joints]
    return Outcome(
        {"robot": made.spec.name, "folder": settings.out, "joints": joints, "changed": made.notes}
    )
