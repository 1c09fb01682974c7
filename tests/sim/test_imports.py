"""What `import sim` hands on, and what a process that asks for less has to load."""

import subprocess
import sys

import pytest

import sim

PRINT_LOADED = """
import sys
import sim.bullet_engine.process
print(sorted({"mujoco", "gymnasium", "onnxruntime"} & set(sys.modules)))
"""


def test_each_public_name_is_that_of_its_module() -> None:
    for name in sim.__all__:
        value = getattr(sim, name)
        assert (value.__module__, value.__name__) == (sim.WHERE[name], name)
    with pytest.raises(AttributeError, match="module 'sim' has no attribute 'make_robot'"):
        _ = sim.make_robot


def test_a_process_of_pybullet_loads_nothing_of_mujoco_or_the_environments() -> None:
    command = [sys.executable, "-c", PRINT_LOADED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
