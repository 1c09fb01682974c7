"""A random generator as a plain array."""

import numpy as np

from robot_mbrl.contract.errors import DataError

WORD = (1 << 64) - 1


def generator_array(rng: np.random.Generator) -> np.ndarray:
    """State of a PCG64 generator, which is numpy's default, as (6,) of uint64."""
    found = rng.bit_generator.state
    if found["bit_generator"] != "PCG64":
        raise DataError(f"expected a PCG64 generator, got {found['bit_generator']}")
    long = (found["state"]["state"], found["state"]["inc"])
    words = [part for value in long for part in (value & WORD, value >> 64)]
    return np.array([*words, found["has_uint32"], found["uinteger"]], dtype=np.uint64)


def generator_of(array: np.ndarray) -> np.random.Generator:
    """The generator that such an array came from."""
    state_low, state_high, inc_low, inc_high, has_uint32, uinteger = (int(x) for x in array)
    bits = np.random.PCG64()
    bits.state = {
        "bit_generator": "PCG64",
        "state": {"state": state_high << 64 | state_low, "inc": inc_high << 64 | inc_low},
        "has_uint32": has_uint32,
        "uinteger": uinteger,
    }
    return np.random.Generator(bits)
