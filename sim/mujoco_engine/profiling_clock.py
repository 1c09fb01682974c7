"""MuJoCo's profiling clock, which a small robot pays for dearly."""

import ctypes

from mujoco import _functions


def stop_engine_clock() -> None:
    """Profile no stage of MuJoCo's step any more, in this process; `mjData.timer` then stays 0 s.

    MuJoCo asks the time, through the callback `mjcb_time`, dozens of times a step, only because its
    Python package installs a clock: a quarter of the step of a robot of two joints. Python can
    neither see nor remove that clock, hence ctypes. Where this fails, all is as before but slower.
    """
    try:
        clock = ctypes.c_void_p.in_dll(ctypes.CDLL(_functions.__file__), "mjcb_time")
    except (OSError, ValueError):
        return
    clock.value = None
