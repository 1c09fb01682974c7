"""MuJoCo's log file, which it writes into whatever folder the program was started in."""

import ctypes
from functools import cache

from mujoco import _functions


class LogConfig(ctypes.Structure):
    """`mjLogConfig` of MuJoCo 4."""

    _fields_ = (
        ("logto_console", ctypes.c_bool),
        ("logto_file", ctypes.c_bool),
        ("logfile", ctypes.c_char * 1024),
        ("topics", ctypes.c_int),
    )


@cache
def write_no_log_file() -> None:
    """Let MuJoCo leave no MUJOCO_LOG.TXT in the working directory, in this process.

    Its warnings still stand on the console, and what they warn of is reported by the environments,
    see `Worlds.unstable`. A file that somebody chose by name stays. Python's package offers no way
    to do this, hence ctypes; where that fails, the file is written as ever.
    """
    try:
        library = ctypes.CDLL(_functions.__file__)
        get, put = library.mju_getLogConfig, library.mju_setLogConfig
    except (OSError, AttributeError):
        return
    get.restype, put.argtypes, put.restype = LogConfig, [LogConfig], None
    config = get()
    if config.logfile == b"MUJOCO_LOG.TXT":
        config.logto_file = False
        put(config)
