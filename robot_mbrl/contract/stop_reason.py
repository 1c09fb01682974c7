"""Reasons why an episode ends: one name, and one sentence that an operator can act on."""

from enum import Enum

from robot_mbrl.contract.errors import (
    DataError,
    DeadlineMissed,
    DeviceFault,
    LimitExceeded,
    LinkError,
    NotFiniteError,
    RobotMbrlError,
    SafetyError,
    StaleState,
    UncertaintyExceeded,
)


class StopReason(Enum):
    """Every way an episode can end; all but FINISHED are latched stops."""

    FINISHED = "finished"
    OPERATOR = "operator"
    EXCEPTION = "exception"
    NON_FINITE = "non_finite"
    LINK_LOST = "link_lost"
    STALE = "stale"
    LIMIT_POSITION = "limit_position"
    LIMIT_VELOCITY = "limit_velocity"
    TEMPERATURE = "temperature"
    DEVICE_FAULT = "device_fault"
    WATCHDOG = "watchdog"
    REBOOT = "reboot"
    SENSOR = "sensor"
    ECHO = "echo"
    DEADLINE = "deadline"
    INNOVATION = "innovation"
    DISAGREEMENT = "disagreement"
    RECORDER = "recorder"

    @property
    def sentence(self) -> str:
        """The meaning of the reason, and what to check."""
        return SENTENCES[self]

    @property
    def error(self) -> type[RobotMbrlError]:
        """The error that reports it."""
        return ERRORS.get(self, SafetyError)


Violation = tuple[StopReason, str]
"""What a check found: the reason to stop, and what was seen."""

SENTENCES = {
    StopReason.FINISHED: "The episode ran to its end.",
    StopReason.OPERATOR: "An operator asked to stop.",
    StopReason.EXCEPTION: "The program failed; the traceback says where.",
    StopReason.NON_FINITE: "A state or an action was not a finite number.",
    StopReason.LINK_LOST: "The robot does not answer: look at cable, port and power.",
    StopReason.STALE: "There was no new sample for too long: look at the sensors.",
    StopReason.LIMIT_POSITION: "A joint left its position limit.",
    StopReason.LIMIT_VELOCITY: "A joint was faster than its velocity limit.",
    StopReason.TEMPERATURE: "A motor is too hot: let it cool.",
    StopReason.DEVICE_FAULT: "The robot reports a fault of its own.",
    StopReason.WATCHDOG: "The robot heard no command for too long and removed its drive.",
    StopReason.REBOOT: "The device has restarted: look at its power and cables.",
    StopReason.SENSOR: "A sensor does not tell what it should: look at it and its cable.",
    StopReason.ECHO: (
        "The device does not do what it is asked: look at its supply, its limits and its firmware."
    ),
    StopReason.DEADLINE: "The control loop was too late: close other programs, plan less.",
    StopReason.INNOVATION: (
        "The robot does not move as the model predicts: look for a payload, a loose or blocked "
        "part, a weak motor; if all is well, collect and finetune."
    ),
    StopReason.DISAGREEMENT: (
        "The model does not know this situation: collect data near it and finetune."
    ),
    StopReason.RECORDER: "The episode could not be recorded: look at the disk.",
}

ERRORS: dict[StopReason, type[RobotMbrlError]] = {
    StopReason.NON_FINITE: NotFiniteError,
    StopReason.LINK_LOST: LinkError,
    StopReason.STALE: StaleState,
    StopReason.LIMIT_POSITION: LimitExceeded,
    StopReason.LIMIT_VELOCITY: LimitExceeded,
    StopReason.TEMPERATURE: LimitExceeded,
    StopReason.DEVICE_FAULT: DeviceFault,
    StopReason.WATCHDOG: DeviceFault,
    StopReason.REBOOT: DeviceFault,
    StopReason.SENSOR: DeviceFault,
    StopReason.ECHO: DeviceFault,
    StopReason.DEADLINE: DeadlineMissed,
    StopReason.INNOVATION: UncertaintyExceeded,
    StopReason.DISAGREEMENT: UncertaintyExceeded,
    StopReason.RECORDER: DataError,
}
