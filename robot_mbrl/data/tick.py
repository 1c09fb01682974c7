"""One control tick as it is recorded: the record, its flags, and its JSON form."""

import json
import math
import sys
from dataclasses import dataclass, fields
from enum import IntFlag
from typing import Any

import numpy as np

from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.errors import DataError
from robot_mbrl.contract.files.read_file import parse_json_object, shown


class TickFlag(IntFlag):
    """Bits that mark what was unusual about a tick; 0 is an ordinary one."""

    STALE = 1
    """No fresh sample: the observation is a guess, or its history is."""
    CLAMPED = 2
    """The proposed action was outside [-1, 1], or was cut, braked or slowed at a limit."""
    RAMPING = 4
    """The action was scaled down after arming."""
    DEADLINE_MISSED = 8
    """The tick started later than `deadline_ms`, or ticks before it were left out."""
    HELD = 16
    """The supervisor sent the neutral command instead of the action."""
    SEND_FAILED = 32
    """The link did not confirm the command: the applied action is not known."""
    NEW_SEGMENT = 64
    """Time does not continue from the row before."""
    OVER_LIMIT = 128
    """The true action was beyond the limit and is recorded clamped."""


@dataclass(frozen=True)
class Tick:
    """One row of an episode; the applied action acts between this observation and the next.

    Attributes:
        index: tick number on the control grid; a jump means that ticks were skipped.
        host_time_s: host clock at the tick's start.
        device_time_s: the device's clock at the sample, without its jumps and in the host's
            seconds.
        q_rad: measured joint positions, unwrapped, (J,); in m of sliders.
        observation: (O,), see `ObservationLayout`.
        proposed: what the controller asked for, (A,).
        applied: what the machine confirmed, (A,) in [-1, 1].
        disagreement: of the ensemble about this step; NaN where there is none.
        innovation: (observed - predicted velocity) / predicted spread, (J,); NaN where unknown.
        lateness_s: how much later than its grid time the tick started.
        plan_time_s: time spent in the controller.
        flags: `TickFlag` bits.
    """

    index: int
    host_time_s: float
    device_time_s: float
    q_rad: FloatArray
    observation: FloatArray
    proposed: FloatArray
    applied: FloatArray
    disagreement: float
    innovation: FloatArray
    lateness_s: float
    plan_time_s: float
    flags: int = 0


FIELDS = tuple(f.name for f in fields(Tick))
VECTORS = ("q_rad", "observation", "proposed", "applied", "innovation")
MAY_BE_UNKNOWN = ("disagreement", "innovation")
LARGEST = 2**62
"""Of index and flags, far from where 64 bits end."""


def tick_schema() -> dict[str, Any]:
    """JSON schema of a tick, so that viewers such as Foxglove can plot every field."""
    number: dict[str, Any] = {"type": "number"}
    properties: dict[str, Any] = {}
    for name in FIELDS:
        item = {"type": ["number", "null"]} if name in MAY_BE_UNKNOWN else number
        properties[name] = {"type": "array", "items": item} if name in VECTORS else item
    properties |= {name: {"type": "integer"} for name in ("index", "flags", "crc32")}
    return {"title": "robot_mbrl.Tick", "type": "object", "properties": properties}


def encode_tick(tick: Tick) -> bytes:
    """A tick as JSON; numbers are written so that they read back exactly.

    Raises DataError for NaN or infinity; only disagreement and innovation may be NaN, "unknown",
    which JSON writes as null.
    """
    values: dict[str, Any] = {}
    for name in FIELDS:
        value = getattr(tick, name)
        if name in VECTORS:
            values[name] = [_number(name, x) for x in np.asarray(value, dtype=float).tolist()]
        elif name in ("index", "flags"):
            values[name] = int(value)
        else:
            values[name] = _number(name, float(value))
    return json.dumps(values, separators=(",", ":"), allow_nan=False).encode()


def _number(name: str, value: float) -> float | None:
    if math.isfinite(value):
        return value
    if math.isnan(value) and name in MAY_BE_UNKNOWN:
        return None
    raise DataError(f"tick: {name} is {value}, expected a finite number; nothing was recorded")


def decode_tick(data: bytes, source: str) -> Tick:
    """The inverse of `encode_tick`; raises DataError naming the field."""
    values = parse_json_object(data, source)
    if set(values) != set(FIELDS):
        raise DataError(f"{source}: expected the fields {', '.join(FIELDS)}; got {shown(values)}")
    parsed: dict[str, Any] = {}
    for name in FIELDS:
        value = values[name]
        if name in ("index", "flags"):
            parsed[name] = _integer(name, value, source)
        elif name in VECTORS:
            if not isinstance(value, list):
                raise DataError(f"{source}: {name} is {shown(value)}, expected a list of numbers")
            parsed[name] = np.array([_parse(name, x, source) for x in value], dtype=np.float64)
        else:
            parsed[name] = _parse(name, value, source)
    return Tick(**parsed)


def _integer(name: str, value: Any, source: str) -> int:
    if type(value) is not int or not -LARGEST <= value <= LARGEST:
        raise DataError(f"{source}: {name} is {shown(value)}, expected an integer")
    return value


def _parse(name: str, value: Any, source: str) -> float:
    if value is None and name in MAY_BE_UNKNOWN:
        return math.nan
    number = type(value) in (int, float)
    if not number or not -sys.float_info.max <= value <= sys.float_info.max:
        raise DataError(f"{source}: {name} holds {shown(value)}, expected a finite number")
    return float(value)
