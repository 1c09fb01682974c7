"""Every error the project raises on purpose.

RobotMbrlError
 ├─ SpecError                robot.toml, URDF or reality file: the key, the value, the allowed range
 ├─ SettingsError            an option or a configuration value that makes no sense
 ├─ CalibrationError         a calibration that is broken or belongs to another device
 ├─ ContractMismatchError    controller and robot do not describe the same machine
 ├─ ShapeError               an array of another shape than the contract names
 ├─ NotFiniteError           NaN or infinity where a number must be
 ├─ DataError                an episode, log or run folder that cannot be read, or a full disk
 ├─ PlannerError             no usable plan
 ├─ SimulationError          simulated physics that blew up
 ├─ WorkerError              a process that worked for another one died or hung
 ├─ LinkError                the wire: port missing, unplugged
 │   ├─ LinkTimeout          no reply within the deadline
 │   ├─ FrameError           bytes that are no valid frame
 │   └─ DeviceFault          the device itself reports a fault
 └─ SafetyError              the supervisor refused or stopped
     ├─ LimitExceeded        a position, velocity or temperature limit
     ├─ StaleState           no fresh sample for too long
     ├─ DeadlineMissed       the loop was too late
     └─ UncertaintyExceeded  the model does not know, or is wrong
"""


class RobotMbrlError(Exception):
    """Base of all errors raised on purpose; the command line prints these without a traceback.

    Attributes:
        safety_stop: a robot was stopped for it, whatever the error is.
    """

    safety_stop = False


class SpecError(RobotMbrlError):
    """A robot folder or reality file is broken; names key, value and allowed range."""


class SettingsError(RobotMbrlError):
    """An option or a configuration value is wrong; names it, its value and what is allowed."""


class CalibrationError(RobotMbrlError):
    """A calibration is broken or was made on another device."""


class ContractMismatchError(RobotMbrlError):
    """A controller was built for another robot description."""


class ShapeError(RobotMbrlError):
    """An array has another shape than the contract says."""


class NotFiniteError(RobotMbrlError):
    """NaN or infinity where a number must be."""


class DataError(RobotMbrlError):
    """An episode, a log or a run folder cannot be read or written."""


class PlannerError(RobotMbrlError):
    """A planner found no usable plan."""


class SimulationError(RobotMbrlError):
    """Simulated physics blew up: an angle or a velocity became NaN or huge."""


class WorkerError(RobotMbrlError):
    """A worker process died, hung, or failed in a way that cannot be handed on; names the job."""


class LinkError(RobotMbrlError):
    """The serial link failed."""


class LinkTimeout(LinkError):
    """The device did not reply before the deadline."""


class FrameError(LinkError):
    """Bytes arrived that are no valid frame."""


class DeviceFault(LinkError):
    """The device reports a fault of its own."""


class SafetyError(RobotMbrlError):
    """The safety supervisor refused a command or stopped the robot."""

    safety_stop = True


class LimitExceeded(SafetyError):
    """A position, velocity or temperature left its limits."""


class StaleState(SafetyError):
    """No fresh sample arrived for too long."""


class DeadlineMissed(SafetyError):
    """The control loop was too late."""


class UncertaintyExceeded(SafetyError):
    """Disagreement (the model does not know) or innovation (the model is wrong) passed its
    limit."""


def how_to_install(extra: str) -> str:
    """The command that installs an extra of pyproject.toml, for the end of an error's message."""
    return f"in the folder of robot-mbrl's source: pip install '.[{extra}]'"


def check_range(settings: object, low: float, high: float, *names: str) -> None:
    """Raise SettingsError unless each of these numbers of `settings` is within [low, high]."""
    for name in names:
        value = getattr(settings, name)
        if not low <= value <= high:
            raise SettingsError(f"{name}: expected {low:g} to {high:g}, got {value:g}")
