"""The console script, and `python -m robot_mbrl`: makes sure that our packages are found first.

ROS has a package `launch` too, and a sourced ROS shell puts it on PYTHONPATH, in front of what pip
installed; `sim` and `hardware` are as common. So our folder goes to the front of the path, where
worker processes find it as well, but only if another package would be found otherwise.
"""

import importlib
import importlib.util
import sys
from pathlib import Path

OURS = ("launch", "hardware", "sim", "calibration")
FOLDER = Path(__file__).resolve().parents[1]


def put_ours_first() -> None:
    """Make `import launch` and the like find the packages that were installed with this one."""
    if all(_is_ours(name) for name in OURS):
        return
    sys.path.insert(0, str(FOLDER))
    importlib.invalidate_caches()
    for name in [n for n in sys.modules if n.split(".")[0] in OURS]:
        del sys.modules[name]  # loaded already, by a site hook of somebody else


def _is_ours(name: str) -> bool:
    spec = importlib.util.find_spec(name)
    origin = spec.origin if spec else None
    return origin is not None and Path(origin).resolve().is_relative_to(FOLDER / name)


def console_script() -> int:
    """Run the command line; returns its exit code."""
    put_ours_first()
    return int(importlib.import_module("launch.main").main())


if __name__ == "__main__":
    sys.exit(console_script())
