"""The serial line as the device sees it: it loses, delays and corrupts what it is told to."""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np

from hardware.mcu.frames import Frame, FrameReader, encode_frame


@dataclass
class Injection:
    """Faults a test or a person switches on while the device runs.

    Attributes:
        drop_replies: so many of the next replies never leave.
        corrupt_replies: so many of the next replies have one byte flipped.
        reply_delay_s: replies leave so much later.
        freeze_encoders: counts and sample counter stand still.
        lose_encoder: the firmware notices a dead encoder (fault ENCODER).
    """

    drop_replies: int = 0
    corrupt_replies: int = 0
    reply_delay_s: float = 0.0
    freeze_encoders: bool = False
    lose_encoder: bool = False


class Wire:
    """Requests in, replies out, each lost with probability `lost_frames`."""

    def __init__(self, lost_frames: float, injection: Injection, rng: np.random.Generator) -> None:
        self._lost_frames = lost_frames
        self._injection = injection
        self._rng = rng
        self._reader = FrameReader()
        self._replies: deque[tuple[float, bytes]] = deque()

    @property
    def next_reply_s(self) -> float:
        """When the next waiting reply leaves, infinity without one."""
        return self._replies[0][0] if self._replies else math.inf

    def requests(self, data: bytes) -> list[Frame]:
        """Whole requests in the bytes so far, without the lost ones."""
        return [f for f in self._reader.feed(data) if not self._lost()]

    def post(self, reply: Frame, now_s: float) -> None:
        """Put a reply on the line, unless it gets lost."""
        wire = bytearray(encode_frame(reply))
        if self._lost():
            return
        if self._injection.drop_replies > 0:
            self._injection.drop_replies -= 1
            return
        if self._injection.corrupt_replies > 0:
            self._injection.corrupt_replies -= 1
            wire[int(self._rng.integers(len(wire)))] ^= 0x55
        self._replies.append((now_s + self._injection.reply_delay_s, bytes(wire)))

    def take(self, now_s: float) -> bytes:
        """Bytes that have left by `now_s`."""
        data = b""
        while self.next_reply_s <= now_s:
            data += self._replies.popleft()[1]
        return data

    def _lost(self) -> bool:
        return self._rng.random() < self._lost_frames
