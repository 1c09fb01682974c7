"""A checksum at the end of controller.onnx: one wrong bit is found before the graph is built.

A flipped bit in a weight makes another controller that runs; one in a dimension may make a graph
that takes all memory. The seal is the last entry of ONNX's own metadata, so the file stays plain
ONNX: key "robot_mbrl_sha256", value the SHA-256 of all bytes before the entry. Files without one,
of before or of other programs, are read as they are.
"""

import hashlib

from robot_mbrl.contract.errors import DataError

KEY = b"robot_mbrl_sha256"
DIGITS = 64
# protobuf: key and value are fields 1 and 2 of an entry, entries are field 14 of the model
_ENTRY = b"\x0a" + bytes([len(KEY)]) + KEY + b"\x12" + bytes([DIGITS])
_HEAD = b"\x72" + bytes([len(_ENTRY) + DIGITS]) + _ENTRY


def seal_model(model: bytes) -> bytes:
    """A serialized ONNX model with its checksum."""
    return model + _HEAD + hashlib.sha256(model).hexdigest().encode()


def check_seal(data: bytes, source: str) -> None:
    """Raise DataError where a sealed model is not as it was written."""
    end = len(data) - len(_HEAD) - DIGITS
    if end <= 0 or not data.startswith(_HEAD, end):
        return
    if hashlib.sha256(data[:end]).hexdigest().encode() != data[-DIGITS:]:
        raise DataError(
            f"{source}: its checksum does not fit: the file was damaged after it was written; "
            "export it again, or copy it again"
        )
