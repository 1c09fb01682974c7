"""What every verb shares: the flag --json, and what it hands back."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro

from robot_mbrl.contract import RobotSpec, load_robot

OK = 0
ERROR = 1
USAGE = 2
SAFETY_STOP = 3
REJECTED = 4
BY_SIGNAL = 128
INTERRUPTED = 130


@dataclass(frozen=True, kw_only=True)
class Verb:
    """Settings that every verb has."""

    json: Annotated[bool, tyro.conf.FlagCreatePairsOff] = False
    """end with one line on stdout: a JSON object with the result"""


@dataclass(frozen=True)
class Outcome:
    """The end of a verb: its result as plain values, and the exit code."""

    result: dict[str, Any] = field(default_factory=dict)
    exit_code: int = OK


def named_robot(robot: str | None) -> RobotSpec | None:
    """The robot of an option --robot, or None where it was not given; raises SpecError."""
    return None if robot is None else load_robot(robot)


def plain(value: Any) -> Any:
    """`value` as JSON takes it: paths as text, arrays as lists, NaN and infinity as null."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, Path) else value
