"""States of environments as plain arrays: whether one fits, and parts of it."""

from robot_mbrl.contract.errors import DataError
from sim.laws.per_world import State


def checked(state: State, mine: State) -> None:
    """Raise DataError unless `state` has the arrays of `mine`, in their shapes."""
    for name, own in mine.items():
        if name not in state or state[name].shape != own.shape:
            got = f"shape {state[name].shape}" if name in state else "nothing"
            raise DataError(
                f"state {name!r}: expected shape {own.shape}, got {got}; it is of an "
                "environment with another robot, number of worlds, backend or version"
            )


def part_of(state: State, prefix: str) -> State:
    """The arrays whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): x for name, x in state.items() if name.startswith(prefix)}
