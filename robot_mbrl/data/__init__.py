"""Episodes on disk: written tick by tick, read back as arrays, imported from other logs."""

from robot_mbrl.data.episode import Episode
from robot_mbrl.data.formats.csv_import import import_csv
from robot_mbrl.data.formats.episode_files import load_episodes
from robot_mbrl.data.formats.log_columns import Column, LogColumns, read_columns
from robot_mbrl.data.formats.mcap_reader import read_episode
from robot_mbrl.data.formats.mcap_writer import EpisodeWriter
from robot_mbrl.data.header import EpisodeHeader
from robot_mbrl.data.segment import Segment
from robot_mbrl.data.tick import Tick, TickFlag
from robot_mbrl.data.transitions import Transitions
from robot_mbrl.data.windows import Windows

__all__ = [
    "Column",
    "Episode",
    "EpisodeHeader",
    "EpisodeWriter",
    "LogColumns",
    "Segment",
    "Tick",
    "TickFlag",
    "Transitions",
    "Windows",
    "import_csv",
    "load_episodes",
    "read_columns",
    "read_episode",
]
