"""What fails on a mock device, and when."""

from collections.abc import Sequence
from dataclasses import dataclass

from robot_mbrl.contract.description.reality import Failure


@dataclass
class FaultPlan:
    """Failures that are on now: switched by a reality's `[[fault]]`, a test or a person.

    Attributes:
        drop_replies: so many of the next replies never leave.
        corrupt_replies: so many of the next replies have one byte flipped.
        reply_delay_ms: replies leave so much later.
        freeze_encoders: counts and sample counter stand still.
        dead_encoders: counts stand still, the sample counter runs on.
        lose_encoder: the firmware notices a dead encoder.
        lose_temperature: temperatures are NaN.
        echo_share: commands are confirmed as so many times what they are.
        reboot: the device restarts now; switches itself back.
        clock_rate: seconds that the device's clock shows in a second; 0 stands still.
        clock_jump_s: the device's clock jumps by so much, once.
        clock_bits: it counts microseconds in so many bits and then starts anew.
        coming: those of the reality that are still to come.
    """

    drop_replies: int = 0
    corrupt_replies: int = 0
    reply_delay_ms: float = 0.0
    freeze_encoders: bool = False
    dead_encoders: bool = False
    lose_encoder: bool = False
    lose_temperature: bool = False
    echo_share: float = 1.0
    reboot: bool = False
    clock_rate: float = 1.0
    clock_jump_s: float = 0.0
    clock_bits: int = 64
    coming: Sequence[Failure] = ()

    def advance_to(self, time_s: float) -> None:
        """Switch what has come by `time_s`, in the device's time."""
        due = [f for f in self.coming if f.at_s <= time_s]
        if due:
            self.coming = [f for f in self.coming if f.at_s > time_s]
            for failure in sorted(due, key=lambda f: f.at_s):
                for name, value in failure.switches.items():
                    setattr(self, name, value)
