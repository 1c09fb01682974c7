"""The on-board rooms work on a computer where nothing that trains is installed."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

PROGRAM = """
import importlib, importlib.abc, pkgutil, sys

BLOCKED = ("torch", "mujoco", "pybullet", "scipy")

class Block(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ImportError(f"{name} is blocked in this test")
        return None

sys.meta_path.insert(0, Block())
names = []
for room in ("robot_mbrl.contract", "robot_mbrl.data", "robot_mbrl.onboard", "hardware"):
    package = importlib.import_module(room)
    names.append(room)
    for info in pkgutil.walk_packages(package.__path__, room + "."):
        if not info.name.endswith("__main__"):
            importlib.import_module(info.name)
            names.append(info.name)
try:
    import torch
except ImportError:
    print("blocked")
loaded = [m for m in sys.modules if m.split(".")[0] in BLOCKED]
assert not loaded, loaded
print(len(names))
"""


def test_on_board_rooms_import_without_torch_mujoco_pybullet_scipy():
    child = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert child.returncode == 0, child.stderr
    blocked, count = child.stdout.split()
    assert blocked == "blocked"
    assert int(count) >= 20
