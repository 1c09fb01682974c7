"""A process that learns into a folder and kills itself: FOLDER CASE STEP."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from robot_mbrl.learning.online import OnlineLearning
from robot_mbrl.runs.run_folder import RunFolder
from tests.support.slide_env import FULL, JUDGED, Slide, learned_task, mbpo, pets

CASES: dict[str, Any] = {
    "mbpo": lambda: mbpo(3, JUDGED),
    "mbpo, learned task": lambda: mbpo(3, task=learned_task()),
    "pets": lambda: pets(3),
    "pets, ts1": lambda: pets(3, "ts1"),
}


def learning(case: str, folder: Path, env: Any = None) -> OnlineLearning:
    return OnlineLearning(
        env or Slide(), CASES[case](), FULL, lambda n: {"x": float(n)}, 3, RunFolder(folder)
    )


if __name__ == "__main__":
    folder, case, last = sys.argv[1:]

    def die(step: int, total: int, numbers: dict[str, float]) -> None:
        if step == int(last):
            os.kill(os.getpid(), signal.SIGKILL)

    learning(case, Path(folder)).run(die)
