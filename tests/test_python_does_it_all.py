"""Everything that the command line does, Python does without it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
@pytest.mark.bullet
def test_the_whole_path_without_the_command_line(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.python_path", str(tmp_path)]
    env = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=ROOT, env=env, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["launch"] == []
    assert result["transitions"] == 216 and result["robot"] == "furuta"
    assert result["gate"]["passed"] and result["gate"]["worlds"] == 2
    assert result["episodes"] == 3 and isinstance(result["accepted"], bool)
    assert len(result["returns"]) == 3 and np.isfinite(result["returns"]).all()
    for run in ("pretrained", "finetuned"):
        assert json.loads((tmp_path / run / "state.json").read_text())["finished"]
    assert (tmp_path / "controller.onnx").stat().st_size > 10_000
