"""The realities of a study, and the names under which their results are kept.

A reality is given by name or by path. Results never go by the path: two machines may have files of
one name in different folders, and a path is no name of a folder.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from launch.verb import plain
from robot_mbrl.contract import RobotSpec
from robot_mbrl.contract.description.reality import Reality, load_reality
from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.contract.files.read_file import parse_json, read_text
from robot_mbrl.contract.files.whole_file import write_whole


def name_realities(realities: Sequence[str], spec: RobotSpec) -> dict[str, str]:
    """name -> reality as given; a name is made of letters, digits, "_" and "-".

    Raises SpecError for an unknown reality, SettingsError where two would have one name.
    """
    named: dict[str, str] = {}
    for given in realities:
        name = slug(load_reality(given, spec).name)
        if name in named:
            raise SettingsError(
                f"--realities: {named[name]} and {given} would both be kept under the name "
                f"{name!r}; give each once, and rename one of two files that are called alike"
            )
        named[name] = given
    return named


def slug(text: str) -> str:
    """`text` as a name of a folder: "my arm (2)" -> "my-arm-2"."""
    return re.sub(r"[^\w-]+", "-", text).strip("-").lower() or "reality"


def keep_reality(reality: Reality, path: Path) -> None:
    """Write down the machine that results are of. Raises SettingsError where they are of another:
    finished parts would be taken for this one's."""
    numbers = json.loads(json.dumps(plain(asdict(reality))))
    if path.exists() and parse_json(read_text(path), str(path)) != numbers:
        raise SettingsError(
            f"{path.parent}: holds results of another reality {reality.name!r}, or of this one "
            "before its file was changed; choose another --out"
        )
    write_whole(path, json.dumps(numbers, indent=1))
