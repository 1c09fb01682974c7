"""A row of episodes with the way home in between, and what is said about them at the end."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from launch.live_line import Acts
from launch.session import EPISODIC_STOPS, NORMAL_ENDS, EpisodePlan, EpisodeResult, Session
from launch.verb import OK, SAFETY_STOP
from robot_mbrl.onboard import StopReason

Tell = Callable[[EpisodeResult, int, int], None]
"""(result, number, count): called after each episode."""


@dataclass(frozen=True)
class EpisodesReport:
    """What a row of episodes came to.

    Attributes:
        results: of each episode, oldest first.
        interrupted: ended by the operator, in an episode or on the way home.
        keep_going: stops that concern one episode only did not end the row.
    """

    results: tuple[EpisodeResult, ...]
    interrupted: bool
    keep_going: bool

    @property
    def stop(self) -> EpisodeResult | None:
        """The episode whose safety stop ended the row, if one did."""
        last = self.results[-1] if self.results else None
        if last is None or last.report.stop_reason in NORMAL_ENDS:
            return None
        if self.keep_going and last.report.stop_reason in EPISODIC_STOPS:
            return None
        return last

    @property
    def exit_code(self) -> int:
        """0 for a normal end or an operator's stop, 3 for a safety stop."""
        return SAFETY_STOP if self.stop else OK

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
        }


def run_episodes(
    session: Session,
    controller: Acts,
    plan: EpisodePlan,
    count: int,
    *,
    keep_going: bool = False,
    tell: Tell | None = None,
) -> EpisodesReport:
    """Home, episode, home, episode, ... until `count`, a safety stop or the operator's wish."""
    results: list[EpisodeResult] = []
    interrupted = False
    try:
        for number in range(1, count + 1):
            session.go_home()
            result = session.run(controller, plan, f"episode {number} of {count}")
            results.append(result)
            (tell or print_episode)(result, number, count)
            reason = result.report.stop_reason
            if reason is StopReason.OPERATOR:
                interrupted = True
                break
            if reason not in NORMAL_ENDS and not (keep_going and reason in EPISODIC_STOPS):
                break
    except KeyboardInterrupt:
        # on the way home: the supervisor's context stops the robot
        session.safe.stop(StopReason.OPERATOR, "stopped on the way home")
        interrupted = True
    return EpisodesReport(tuple(results), interrupted, keep_going)


def print_episode(result: EpisodeResult, number: int, count: int) -> None:
    """One line on stdout."""
    report, score = result.report, result.score
    verdict = "success" if score.success else "no success"
    timing = (
        f"late p99 {report.lateness_ms.p99:.2f} max {report.lateness_ms.max:.2f} ms, "
        f"plan p99 {report.plan_ms.p99:.1f} ms, {report.missed_deadlines} missed"
    )
    alarm = f", alarm {result.alarm}" if result.alarm else ""
    print(
        f"episode {number}/{count}: {verdict}, return {score.returns:.1f}, "
        f"{report.ticks} ticks, {report.stop_reason.value}{alarm}; {timing}; {result.path}",
        flush=True,
    )


def print_end(report: EpisodesReport, spec_name: str) -> None:
    """Why the row ended, and what to do where it was a safety stop."""
    if report.interrupted:
        print(f"robot {spec_name!r}: stopped by the operator, drive off")
    elif report.stop is not None:
        end = report.stop.report
        print(f"robot {spec_name!r}: SAFETY STOP {end.stop_reason.value}: {end.message}")
        print(f"  {end.stop_reason.sentence}")
        print("  Drive is off. Find the cause, then start again; nothing resets by itself.")
    else:
        done = f"{report.success:.0%} of {len(report.results)} episodes succeeded"
        print(f"robot {spec_name!r}: {done}")
