"""Episodes on disk: written tick by tick, read back as arrays, imported from other logs."""

from robot_mbrl.data.episode_header import EpisodeHeader
from robot_mbrl.data.episode_writer import EpisodeWriter
from robot_mbrl.data.episodes import Episode, read_episode
from robot_mbrl.data.import_log import import_log
from robot_mbrl.data.log_table import LogColumns
from robot_mbrl.data.tick import Tick, TickFlag
from robot_mbrl.data.transitions import Transitions

__all__ = [
    "Episode",
    "EpisodeHeader",
    "EpisodeWriter",
    "LogColumns",
    "Tick",
    "TickFlag",
    "Transitions",
    "import_log",
    "read_episode",
]
