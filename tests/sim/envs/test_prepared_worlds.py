"""Prepared worlds: drawn many at a time, each used once, none from before a reset."""

from typing import Any, cast

import numpy as np

from robot_mbrl.contract import ObservationLayout, RobotSpec
from robot_mbrl.contract.arrays import FloatArray, Parameters
from sim.envs.prepared_worlds import PreparedWorlds
from sim.worlds import Worlds


class Log:
    """Worlds that only remember what was asked of them."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def prepare(self, parameters: Parameters) -> None:
        self.calls.append(("prepare", len(parameters["a"])))

    def renew(self, rows: slice, ids: np.ndarray) -> None:
        self.calls.append(("renew", rows.start, rows.stop, ids.tolist()))


def test_worlds_are_drawn_many_at_once_and_each_is_used_once(furuta: RobotSpec) -> None:
    log, rng = Log(), np.random.default_rng(0)
    drawn: list[Parameters] = []
    measured: list[FloatArray] = []

    def draw(size: int) -> Parameters:
        drawn.append({"a": rng.uniform(size=size), "b": rng.uniform(size=size)})
        return drawn[-1]

    def measure() -> FloatArray:
        measured.append(rng.uniform(size=(4, 2)))
        return measured[-1]

    prepared = PreparedWorlds(
        cast(Worlds, log),
        draw,
        measure,
        lambda _: None,
        paths=["a", "b"],
        layout=ObservationLayout.from_spec(furuta),
        size=4,
    )
    took = []
    for number, ids in enumerate(([7], [1, 3], [0], [2, 5], [1])):
        if number == 4:
            prepared.forget()
        rows = prepared.take(np.array(ids))
        took.append((len(drawn) - 1, rows))
        np.testing.assert_array_equal(prepared.table, [drawn[-1]["a"], drawn[-1]["b"]])
        np.testing.assert_array_equal(prepared.observer.q, measured[-1])
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
    expected = [(0, slice(0, 1)), (0, slice(1, 3)), (0, slice(3, 4)), (1, slice(0, 2))]
    assert took == [*expected, (2, slice(0, 1))]
