"""Position limits that no joint has: degrees where radians belong, and numbers that mean "none"."""

import math
import xml.etree.ElementTree as ET

MOST_RAD = 4 * math.pi
"""Two turns either way: what stands further out is no angle in rad."""
MOST_DEG = 720.0
"""Further out it is no angle in degrees either, but stands for no limit."""


def mend_limits(root: ET.Element) -> dict[str, str]:
    """Give joints the position limits that were meant, in place.

    Returns, by joint, what the file said and what it was taken for.
    """
    mended = {}
    for joint in root.findall("joint"):
        limit = joint.find("limit")
        if joint.get("type") != "revolute" or limit is None:
            continue
        try:
            low, high = (float(limit.get(key, "0")) for key in ("lower", "upper"))
        except ValueError:
            continue  # the check names it
        farthest = max(abs(low), abs(high))
        if farthest > MOST_RAD and low < high:
            said = f"limits of {low:g} to {high:g} rad taken for"
            taken = _take_degrees(limit, low, high) if farthest <= MOST_DEG else _take_none(joint)
            mended[joint.get("name", "")] = f"{said} {taken}"
    return mended


def _take_degrees(limit: ET.Element, low: float, high: float) -> str:
    limit.set("lower", f"{math.radians(low):.6g}")
    limit.set("upper", f"{math.radians(high):.6g}")
    return "degrees"


def _take_none(joint: ET.Element) -> str:
    joint.set("type", "continuous")
    for limit in joint.findall("limit"):
        for key in ("lower", "upper"):
            limit.attrib.pop(key, None)
    return "no limits: it turns for ever"
