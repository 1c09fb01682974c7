"""Reading `[randomization]`: each parameter's distribution, operation, when, and group.

mass = { scale = [0.8, 1.2] }                                   # uniform, at each reset
damping = { log_scale = [0.3, 3.0] }                            # log-uniform
latency_ms = { range = [5, 30] }                                # sets; the parameter's own unit
friction = { add = [-1e-4, 2e-4] }                              # in the unit of the robot's own
resistance = { set = [8.0, 9.0], distribution = "normal", mean = 8.4, std = 0.2, when = "build" }
supply = { scale = [0.9, 1.0], when = "interval", every_s = [0.5, 2.0] }
torque_constant = { scale = [0.8, 1.2], group = "magnet" }      # these two move together,
damping = { scale = [0.5, 2.0], group = "magnet", correlation = -0.7 }    # against each other
"""

from collections.abc import Sequence
from typing import get_args

from robot_mbrl.contract.description.operations import Conversion, conversion, reason_against
from robot_mbrl.contract.description.quantities import Quantity, nominal_quantities
from robot_mbrl.contract.description.spec import RobotSpec
from robot_mbrl.contract.errors import SpecError
from robot_mbrl.contract.files.toml_table import TomlTable
from robot_mbrl.contract.parameters.read_values import walk_parameters
from robot_mbrl.contract.parameters.variation import Distribution, Operation, Variation, When
from robot_mbrl.contract.parameters.vocabulary import is_scale, parameter_limits

OPERATION_OF: dict[str, Operation] = {
    "scale": "scale",
    "log_scale": "scale",
    "range": "set",
    "add": "add",
    "set": "set",
}
LOG_SCALE = "log_scale"
TIMES: dict[str, tuple[tuple[When, ...], str]] = {
    "mass": (("build", "reset", "interval"), "no mass changes with every tick"),
    "length": (("build", "reset"), "no link changes its length while it moves"),
    "position_rad": (("reset",), "an initial state is that of a reset"),
    "velocity_rad_s": (("reset",), "an initial state is that of a reset"),
    "position_m": (("reset",), "an initial state is that of a reset"),
    "velocity_m_s": (("reset",), "an initial state is that of a reset"),
    "payload_kg": (("build", "reset"), "payload_at_s says when it comes"),
    "payload_at_s": (("build", "reset"), "it counts from the start of the episode"),
    "payload_distance_m": (("build", "reset"), "a payload stays where it was put"),
}
"""Times at which a parameter may be drawn, by the last word of its path, and why not at others."""
LONGEST_S = 3600.0


def read_randomization(table: TomlTable, spec: RobotSpec) -> dict[str, Variation]:
    """Read `[randomization]` of a robot. Raises SpecError naming file, key and what is allowed."""
    quantities = nominal_quantities(spec)
    found = {
        path: _read_one(parent, key, path, quantities[path], spec.control.dt)
        for path, parent, key in walk_parameters(table, set(spec.nominal))
    }
    check_groups(found, f"{table.source}: {table.path}")
    return found


def when_allowed(path: str) -> tuple[tuple[When, ...], str]:
    """The times at which a parameter may be drawn, and why not at others."""
    return TIMES.get(path.rsplit(".", 1)[-1], (get_args(When), ""))


def _read_one(parent: TomlTable, key: str, path: str, quantity: Quantity, dt: float) -> Variation:
    entry = parent.table(key)
    present = [word for word in OPERATION_OF if entry.has(word)]
    if len(present) != 1 or (present[0] == "range" and is_scale(path)):
        raise parent.fail(key, _forms(path))
    [word] = present
    reason = reason_against(path, OPERATION_OF[word], quantity)
    if reason:
        raise entry.fail(word, f"{_forms(path)}, as {reason}")
    convert = conversion(path, OPERATION_OF[word], quantity)
    distribution = _distribution(entry, word)
    low, high = _range(entry, word, path, convert, distribution)
    mean, std = _mean_and_std(entry, word, distribution, quantity, convert, (low, high))
    when = _when(entry, path)
    every_s = _every_s(entry, when, dt)
    group, correlation = _group(entry)
    entry.finish()
    return Variation(
        low,
        high,
        distribution,
        mean=mean,
        std=std,
        when=when,
        every_s=every_s,
        group=group,
        correlation=correlation,
        operation=OPERATION_OF[word],
    )


def _forms(path: str) -> str:
    """The forms in which a parameter may be randomized, the short ones first."""
    words = ["scale", "log_scale", "add", "set"] if is_scale(path) else ["range", "add", "scale"]
    if path.startswith("links.") and path.endswith(".length"):
        words = words[:2]
    return " or ".join(f"{{ {word} = [a, b] }}" for word in words)


def _range(
    entry: TomlTable, word: str, path: str, convert: Conversion, distribution: Distribution
) -> tuple[float, float]:
    """The range in the parameter's own number, which has limits."""
    low, high = (convert.to_stated(limit) for limit in parameter_limits(path))
    a, b = entry.interval(word, low, high, convert.unit)
    if distribution == "log-uniform" and convert.to_own(a) <= 0:
        raise entry.fail(word, "[a, b] with a > 0, as the logarithm of the number is drawn")
    return convert.to_own(a), convert.to_own(b)


def _distribution(entry: TomlTable, word: str) -> Distribution:
    if word == LOG_SCALE:
        if entry.has("distribution"):
            raise entry.fail("distribution", "no other distribution than log_scale's own")
        return "log-uniform"
    known: tuple[Distribution, ...] = get_args(Distribution)
    chosen = entry.text("distribution", known, default="uniform")
    distribution = next(name for name in known if name == chosen)
    if distribution == "log-uniform" and word == "add":
        raise entry.fail("distribution", "'uniform' or 'normal', as what is added may be negative")
    return distribution


def _mean_and_std(
    entry: TomlTable,
    word: str,
    distribution: Distribution,
    quantity: Quantity,
    convert: Conversion,
    limits: tuple[float, float],
) -> tuple[float, float]:
    """Mean and standard deviation of a normal distribution, in the parameter's own number; the mean
    is the nominal one by default."""
    if distribution != "normal":
        _only_with(entry, ("mean", "std"), 'distribution = "normal"')
        return Variation.mean, Variation.std
    low, high = (convert.to_stated(limit) for limit in limits)
    nominal = {"scale": 1.0, "add": 0.0, "set": quantity.value}[OPERATION_OF[word]]
    mean = entry.number("mean", low, high, convert.unit, default=nominal)
    std = entry.number("std", 1e-9 * (high - low), 1e9, convert.unit)
    return convert.to_own(mean), convert.factor * std


def _when(entry: TomlTable, path: str) -> When:
    allowed, reason = when_allowed(path)
    chosen = entry.text("when", get_args(When), default="reset")
    for when in allowed:
        if when == chosen:
            return when
    raise entry.fail("when", f"one of {', '.join(map(repr, allowed))}, as {reason}")


def _every_s(entry: TomlTable, when: When, dt: float) -> tuple[float, float] | None:
    if when != "interval":
        _only_with(entry, ("every_s",), 'when = "interval"')
        return None
    if entry.is_list("every_s"):
        return entry.interval("every_s", dt, LONGEST_S, "s")
    every = entry.number("every_s", dt, LONGEST_S, "s")
    return every, every


def _group(entry: TomlTable) -> tuple[str, float]:
    if not entry.has("group"):
        _only_with(entry, ("correlation",), 'group = "..."')
        return "", Variation.correlation
    correlation = entry.number("correlation", -1.0, 1.0, default=Variation.correlation)
    if correlation == 0:
        raise entry.fail("correlation", "another number than 0; without a group nothing correlates")
    return entry.text("group"), correlation


def _only_with(entry: TomlTable, keys: Sequence[str], what: str) -> None:
    for key in keys:
        if entry.has(key):
            raise entry.fail(key, f"this key only together with {what}")


def check_groups(variations: dict[str, Variation], where: str) -> None:
    """Raise SpecError for a group of one, or one whose members are drawn at different times."""
    groups: dict[str, list[str]] = {}
    for path, variation in variations.items():
        if variation.group:
            groups.setdefault(variation.group, []).append(path)
    for name, members in groups.items():
        listed = ", ".join(members)
        if len(members) < 2:
            raise SpecError(
                f"{where}: group {name!r} has one member, {listed}; a group has two or more: "
                "give another parameter the same group, or leave it out"
            )
        if len({(variations[p].when, variations[p].every_s) for p in members}) > 1:
            raise SpecError(
                f"{where}: group {name!r}: its members are drawn together, so they need the same "
                f"`when` and `every_s`: {listed}"
            )
