"""Each ablation changes the run it is said to change, and a killed table goes on."""

import json
from pathlib import Path

import pytest

from launch.studies.ablate import Settings, measure_ablations
from launch.studies.ablations import ABLATIONS
from launch.studies.learn_settings import Setting, find_setting
from robot_mbrl.contract.errors import DataError


@pytest.mark.parametrize("name", [n for n in ABLATIONS if n != "as it is"])
def test_an_ablation_changes_the_settings(name: str) -> None:
    setting = find_setting("Pendulum-v1", "mbpo")
    assert isinstance(setting, Setting)
    assert ABLATIONS[name](setting) != setting
    assert ABLATIONS["as it is"](setting) == setting


@pytest.mark.slow
def test_a_table_goes_on_where_it_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, names = tmp_path / "a.json", ("nothing imagined", "single model")
    bench = Settings(steps=230, seeds=(0,), episodes=2, only=names[:1], out=out)
    first = measure_ablations(bench)["runs"]
    again = Settings(steps=230, seeds=(0,), episodes=2, only=names, out=out)
    both = measure_ablations(again)["runs"]
    assert list(both[0]["curve"]) == ["57", "114", "171", "228", "230"]
    assert both[0]["curve"]["230"] == both[0]["return"]
    assert [r["name"] for r in both] == list(names)
    assert both[0] == first[0] and both[1]["return"] != both[0]["return"]
    assert json.loads(out.read_text())["runs"] == both
    table = capsys.readouterr().out
    assert f"{both[1]['curve']['114']:.0f}" in table


def test_an_unknown_ablation_is_named_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'no luck'.*single model"):
        measure_ablations(Settings(only=("no luck",), out=tmp_path / "a.json"))
