"""`robot-mbrl report`: one HTML file about a run."""

from dataclasses import dataclass
from pathlib import Path

from launch.verb import Outcome, Verb, named_robot
from robot_mbrl.data import load_episodes
from robot_mbrl.report.run_report import write_report
from robot_mbrl.runs.load_agent import robot_of


@dataclass(frozen=True, kw_only=True)
class Settings(Verb):
    """Draw a run and its episodes into one self-contained HTML file.

    Learning curve, prediction error before and after finetuning, each episode and its stop, timing.
    """

    run: Path
    """run folder"""
    robot: str | None = None
    """built-in robot or robot folder; the one that the run names by default"""
    calibration: Path | None = None
    """.toml or .json of what was measured on this robot, joint offsets above all; the one the run
    was made with by default"""
    episodes: tuple[Path, ...] = ()
    """folders with .mcap files, or files, to draw; those the run learned from by default"""
    out: Path | None = None
    """the file to write; report.html in the run folder by default"""
    recover: bool = False
    """read episodes that were cut or damaged up to there"""


def run(settings: Settings) -> Outcome:
    """Write the report."""
    given = list(settings.episodes)
    episodes = load_episodes(given, recover=settings.recover) if given else None
    out = settings.out or settings.run / "report.html"
    write_report(
        settings.run,
        episodes,
        out,
        spec=robot_of(settings.run, named_robot(settings.robot), settings.calibration),
    )
    print(f"{out}: {out.stat().st_size / 1e3:.0f} kB")
    return Outcome({"path": out})
