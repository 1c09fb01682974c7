"""A row of episodes with the way home in between."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from robot_mbrl.contract.stop_reason import StopReason
from robot_mbrl.onboard.controller.output import Controller
from robot_mbrl.onboard.session import EpisodePlan, EpisodeResult, Session
from robot_mbrl.onboard.supervisor.drive_report import DriveReport

NORMAL_ENDS = (StopReason.FINISHED, StopReason.OPERATOR)
EPISODIC_STOPS = (
    StopReason.LIMIT_POSITION,
    StopReason.LIMIT_VELOCITY,
    StopReason.INNOVATION,
    StopReason.DISAGREEMENT,
)
"""Stops that say something about the episode, not about link, device or disk."""

EpisodeDone = Callable[[EpisodeResult, int, int], None]
"""(result, number, count): called after each episode."""


@dataclass(frozen=True)
class EpisodesReport:
    """What a row of episodes came to.

    Attributes:
        results: of each episode, oldest first.
        interrupted: ended by the operator, in an episode or on the way home.
        keep_going: stops that concern one episode only did not end the row.
        drive: what is known of the drive after the last one.
    """

    results: tuple[EpisodeResult, ...]
    interrupted: bool
    keep_going: bool
    drive: DriveReport

    @property
    def stop(self) -> EpisodeResult | None:
        """The episode whose safety stop ended the row, if one did."""
        last = self.results[-1] if self.results else None
        return last if last and ends_row(last, self.keep_going) else None

    @property
    def success(self) -> float:
        """Share of episodes that succeeded."""
        return sum(r.score.success for r in self.results) / max(1, len(self.results))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        last = self.results[-1].report.stop_reason if self.results else StopReason.OPERATOR
        reason = StopReason.OPERATOR if self.interrupted else last
        return {
            "stop_reason": reason.value,
            "success": self.success,
            "episodes": [r.to_json() for r in self.results],
        } | self.drive.to_json()


def run_episodes(
    session: Session,
    controller: Controller,
    plan: EpisodePlan,
    count: int,
    *,
    keep_going: bool = False,
    done: EpisodeDone = lambda *_: None,
) -> EpisodesReport:
    """Home, episode, home, episode, ... until `count`, a safety stop or the operator's wish.

    KeyboardInterrupt on the way home is such a wish. Raises as `Session.go_home` and `Session.run`.
    """
    results: list[EpisodeResult] = []
    interrupted = False
    try:
        for number in range(1, count + 1):
            session.go_home()
            results.append(session.run(controller, plan, f"episode {number} of {count}"))
            done(results[-1], number, count)
            interrupted = results[-1].report.stop_reason is StopReason.OPERATOR
            if interrupted or ends_row(results[-1], keep_going):
                break
    except KeyboardInterrupt:
        session.safe.stop(StopReason.OPERATOR, "stopped on the way home")
        interrupted = True
    return EpisodesReport(tuple(results), interrupted, keep_going, session.safe.drive)


def ends_row(result: EpisodeResult, keep_going: bool) -> bool:
    """Whether an episode ended with a safety stop after which no other may begin."""
    reason = result.report.stop_reason
    return reason not in NORMAL_ENDS and not (keep_going and reason in EPISODIC_STOPS)
