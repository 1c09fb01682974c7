"""All that is held against a device's word, in one place for the supervisor."""

import numpy as np

from robot_mbrl.contract import RobotSpec, RobotState
from robot_mbrl.contract.arrays import FloatArray
from robot_mbrl.contract.stop_reason import Violation
from robot_mbrl.onboard.supervisor.device.echo import EchoCheck
from robot_mbrl.onboard.supervisor.device.encoders import EncoderCheck
from robot_mbrl.onboard.supervisor.device.reboot import RebootCheck
from robot_mbrl.onboard.supervisor.device.temperature import TemperatureCheck


class DeviceChecks:
    """Lives as long as the connection: a restart between two episodes is noticed as well."""

    def __init__(self, spec: RobotSpec) -> None:
        """Nothing seen yet."""
        self._reboot = RebootCheck(spec)
        self._temperature = TemperatureCheck(spec)
        self._encoders = EncoderCheck(spec)
        self._echo = EchoCheck(spec)
        self._confirmed: FloatArray | None = None

    def restart(self) -> None:
        """Another episode begins."""
        self._encoders.restart()
        self._echo.restart()
        self._confirmed = None

    def zeroed(self) -> None:
        """The operator says that the encoders' zero is right."""
        self._reboot.forget()

    def sample(self, state: RobotState) -> Violation | None:
        """Take what was read; returns what is wrong. One that is not finite is not looked at."""
        values = [*state.q_rad, state.device_time_s, state.host_time_s]
        if not state.fresh or not np.isfinite(values).all():
            return None
        return (
            self._reboot.update(state)
            or self._temperature.update(state)
            or self._encoders.update(state, self._confirmed)
        )

    def sent(self, asked: FloatArray, confirmed: FloatArray) -> Violation | None:
        """Take a command and its confirmation, actions (A,); returns what is wrong."""
        self._confirmed = confirmed.copy()
        return self._echo.update(asked, confirmed)
