"""Spare worlds: drawn many at a time, each used once, none from before a reset."""

from typing import Any, cast

import numpy as np

from robot_mbrl.contract.parameters import Parameters
from sim.spares import Spares
from sim.worlds import Worlds


class Log:
    """Worlds that only remember what was asked of them."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def prepare(self, parameters: Parameters) -> None:
        self.calls.append(("prepare", len(parameters["a"])))

    def renew(self, rows: slice, ids: np.ndarray) -> None:
        self.calls.append(("renew", rows.start, rows.stop, ids.tolist()))


def test_worlds_are_drawn_many_at_once_and_each_is_used_once() -> None:
    log, rng = Log(), np.random.default_rng(0)
    drawn: list[Parameters] = []

    def draw(size: int) -> Parameters:
        drawn.append({"a": rng.uniform(size=size), "b": rng.uniform(size=size)})
        return drawn[-1]

    spares = Spares(cast(Worlds, log), draw, ["a", "b"], 4)
    got = [spares.take(np.array(ids)) for ids in ([7], [1, 3], [0], [2, 5])]
    spares.forget()
    got.append(spares.take(np.array([1])))
    assert log.calls == [
        ("prepare", 4),
        ("renew", 0, 1, [7]),
        ("renew", 1, 3, [1, 3]),
        ("renew", 3, 4, [0]),
        ("prepare", 4),
        ("renew", 0, 2, [2, 5]),
        ("prepare", 4),
        ("renew", 0, 1, [1]),
    ]
    rows = [(0, slice(0, 1)), (0, slice(1, 3)), (0, slice(3, 4)), (1, slice(0, 2)), (2, slice(1))]
    for values, (number, row) in zip(got, rows, strict=True):
        np.testing.assert_array_equal(values[0], drawn[number]["a"][row])
        np.testing.assert_array_equal(values[1], drawn[number]["b"][row])
