"""Faults of any device in one vocabulary."""

from robot_mbrl.contract.interface import LATCHED_FAULTS, Fault, describe_faults


def test_faults_in_words() -> None:
    assert describe_faults(0) == "healthy"
    assert describe_faults(Fault.WATCHDOG | Fault.NOT_ENABLED) == "watchdog, not enabled"


def test_what_describes_the_present_is_not_latched() -> None:
    present = Fault.COMMAND_CLAMPED | Fault.NOT_ENABLED | Fault.STOPPED
    assert not LATCHED_FAULTS & present
    assert LATCHED_FAULTS | present == sum(Fault)
