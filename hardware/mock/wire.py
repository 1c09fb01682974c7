"""The serial line as the device sees it: it loses, delays and corrupts as its plan says."""

import math
from collections import deque

import numpy as np

from hardware.mock.fault_plan import FaultPlan


class Wire:
    """Bytes between host and device; which bytes are a packet is the device's knowledge.

    request_loss, reply_loss: probability that a packet is lost on its way in, on its way out.
    """

    def __init__(
        self, request_loss: float, reply_loss: float, plan: FaultPlan, rng: np.random.Generator
    ) -> None:
        self._request_loss, self._reply_loss = request_loss, reply_loss
        self._plan, self._rng = plan, rng
        self._replies: deque[tuple[float, bytes]] = deque()

    @property
    def next_reply_s(self) -> float:
        """When the next waiting reply leaves, infinity without one."""
        return self._replies[0][0] if self._replies else math.inf

    def loses_request(self) -> bool:
        """Whether the request that has come never came; to be asked once for each."""
        return self._rng.random() < self._request_loss

    def post(self, reply: bytes, now_s: float) -> None:
        """Put a reply on the line, unless it gets lost."""
        if self._rng.random() < self._reply_loss:
            return
        if self._plan.drop_replies > 0:
            self._plan.drop_replies -= 1
            return
        data = bytearray(reply)
        if self._plan.corrupt_replies > 0:
            self._plan.corrupt_replies -= 1
            data[int(self._rng.integers(len(data)))] ^= 0x55
        self._replies.append((now_s + 1e-3 * self._plan.reply_delay_ms, bytes(data)))

    def take(self, now_s: float) -> bytes:
        """Bytes that have left by `now_s`."""
        data = b""
        while self.next_reply_s <= now_s:
            data += self._replies.popleft()[1]
        return data
