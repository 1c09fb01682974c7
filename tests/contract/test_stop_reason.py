"""Every reason has a sentence for the operator and an error for programs."""

import pytest

from robot_mbrl.contract.errors import LinkError, RobotMbrlError, SafetyError
from robot_mbrl.contract.stop_reason import StopReason


@pytest.mark.parametrize("reason", StopReason)
def test_each_reason_has_a_sentence_and_an_error(reason: StopReason) -> None:
    assert reason.sentence.endswith(".")
    assert issubclass(reason.error, RobotMbrlError)
    assert reason.value == reason.name.lower()


def test_sentences_differ() -> None:
    assert len({reason.sentence for reason in StopReason}) == len(StopReason)


def test_errors_are_those_of_their_layer() -> None:
    assert StopReason.LINK_LOST.error is LinkError
    assert StopReason.OPERATOR.error is SafetyError
    for reason in (StopReason.LIMIT_POSITION, StopReason.DEADLINE, StopReason.DISAGREEMENT):
        assert issubclass(reason.error, SafetyError)
