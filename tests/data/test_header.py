"""What an episode says about itself."""

import pytest

from robot_mbrl.contract import load_robot
from robot_mbrl.contract.errors import DataError, SettingsError
from robot_mbrl.data import EpisodeHeader


def test_kind_is_checked(spec):
    with pytest.raises(SettingsError, match=r"'deploy'|deploy, collect, import"):
        EpisodeHeader.from_spec(spec, kind="test", created="")


def test_the_units_of_joints_come_back_and_older_files_have_none() -> None:
    header = EpisodeHeader.from_spec(load_robot("cart_pole"), kind="deploy", created="")
    assert header.joint_units == {"cart": "m", "pole": "rad"}
    strings = header.to_strings()
    assert EpisodeHeader.from_strings(strings, "a.mcap") == header
    del strings["joint_units"]
    assert EpisodeHeader.from_strings(strings, "a.mcap").joint_units == {}
    with pytest.raises(DataError, match=r"cart: expected one of 'rad', 'm'; got 'ft'"):
        EpisodeHeader.from_strings(strings | {"joint_units": '{"cart": "ft"}'}, "a.mcap")
