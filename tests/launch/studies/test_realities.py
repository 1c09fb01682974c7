"""Names of results never come from paths: given by name, absolute, relative, with spaces."""

import os
from pathlib import Path

import pytest

from launch.studies.realities import keep_reality, name_realities, slug
from robot_mbrl.contract import load_robot
from robot_mbrl.contract.description.reality import load_reality
from robot_mbrl.contract.errors import SettingsError, SpecError

SPEC = load_robot("furuta")


def write(path: Path, seed: int = 0) -> Path:
    """A reality file of one's own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"seed = {seed}\n")
    return path


def test_a_path_is_kept_under_the_name_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    absolute = str(write(tmp_path / "a" / "Mine.toml"))
    write(tmp_path / "with spaces" / "my own (2).toml")
    monkeypatch.chdir(tmp_path)
    relative = os.path.join("with spaces", "my own (2).toml")
    named = name_realities(("heavy", absolute, relative), SPEC)
    assert named == {"heavy": "heavy", "mine": absolute, "my-own-2": relative}
    for name, given in named.items():
        assert (tmp_path / name).parent == tmp_path
        load_reality(given, SPEC)


@pytest.mark.parametrize("text", ["..", "/", "a/../b", "", "ä ö", "x.y.z"])
def test_a_slug_is_one_folder_below_whatever_the_text_is(text: str) -> None:
    assert Path("out", slug(text)).resolve().parent == Path("out").resolve()


def test_two_that_would_have_one_name_are_refused(tmp_path: Path) -> None:
    """Silently they would be taken for one machine: what is finished is used again."""
    mine = str(write(tmp_path / "Heavy.toml"))
    with pytest.raises(SettingsError, match=r"heavy and .*Heavy\.toml .*'heavy'"):
        name_realities(("heavy", mine), SPEC)
    with pytest.raises(SettingsError, match="give each once"):
        name_realities(("light", "light"), SPEC)


def test_an_unknown_one_is_named() -> None:
    with pytest.raises(SpecError, match="hevy"):
        name_realities(("heavy", "hevy"), SPEC)


def test_results_of_another_machine_are_not_taken_for_this_one(tmp_path: Path) -> None:
    kept = tmp_path / "out" / "mine" / "reality.json"
    first, other = (write(tmp_path / d / "mine.toml", s) for d, s in (("a", 1), ("b", 2)))
    keep_reality(load_reality(first, SPEC), kept)
    keep_reality(load_reality(first, SPEC), kept)  # the same command goes on
    with pytest.raises(SettingsError, match="another reality 'mine'"):
        keep_reality(load_reality(other, SPEC), kept)
