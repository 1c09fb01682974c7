"""Faults that a device has latched: cleared by a person's decision only, who has read them."""

import sys

from robot_mbrl.contract.errors import DeviceFault
from robot_mbrl.contract.interface import LATCHED_FAULTS, Fault
from robot_mbrl.onboard import Session

MEANINGS = {
    Fault.WATCHDOG: "it heard no command for too long and switched its drive off; a program that "
    "was killed or suspended, a terminal that hung up and a cable that came off end like this",
    Fault.COMMAND_REJECTED: "a command made no sense to it",
    Fault.OVERTEMPERATURE: "a motor was too hot",
    Fault.UNDERVOLTAGE: "its supply was out of range",
    Fault.ENCODER: "an encoder failed",
    Fault.OVERLOAD: "a motor was loaded too much for too long",
    Fault.HARDWARE: "a fault that only its own log names",
}


def settle_faults(session: Session, clear: bool) -> None:
    """Let nothing that a device has latched be cleared unseen.

    Args:
        session: connected, not yet armed.
        clear: `--clear-faults` was given; without it whoever sits at a terminal is asked.

    Raises DeviceFault when nobody wants them cleared or they do not go, LinkError.
    """
    faults = session.latched_faults()
    if not faults:
        return
    name = session.spec.name
    print(f"robot {name!r} reports since before this start: {explain(faults)}", flush=True)
    if not (clear or _is_wished()):
        raise _refusal(
            f"robot {name!r} keeps a fault: {explain(faults)}. Find the cause, then start again "
            "with --clear-faults; nothing clears it by itself"
        )
    session.clear_faults()
    left = session.latched_faults()
    if left:
        raise _refusal(
            f"robot {name!r} still reports after clearing: {explain(left)}. The cause has to go"
        )
    print("faults cleared", flush=True)


def explain(faults: Fault) -> str:
    """Latched faults and what each of them means."""
    return "; ".join(
        f"{(fault.name or '').lower().replace('_', ' ')} ({MEANINGS[fault]})"
        for fault in Fault
        if fault & faults & LATCHED_FAULTS
    )


def _is_wished() -> bool:
    if not sys.stdin.isatty():
        return False
    try:
        answer = input("Clear the fault and go on? The robot will move. [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in ("y", "yes")


def _refusal(message: str) -> DeviceFault:
    error = DeviceFault(message)
    error.safety_stop = True
    return error
