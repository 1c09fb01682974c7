"""What an episode says about itself."""

import pytest

from robot_mbrl.contract.errors import SettingsError
from robot_mbrl.data import EpisodeHeader


def test_kind_is_checked(spec):
    with pytest.raises(SettingsError, match=r"'deploy'|deploy, collect, import"):
        EpisodeHeader.from_spec(spec, kind="test", created="")
