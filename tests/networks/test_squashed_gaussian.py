"""The policy's density: its gradient by hand is autograd's."""

import pytest
import torch

from robot_mbrl.networks.squashed_gaussian import (
    LOG_STD_MAX,
    LOG_STD_MIN,
    bound,
    squash,
    squash_gradient,
)

ROWS, ACT = 40, 3


@pytest.mark.parametrize("alpha", [0.0, 0.3])
def test_gradient_is_autograds_within_and_beyond_the_bounds(alpha: float) -> None:
    rng = torch.Generator().manual_seed(0)
    head = torch.randn(ROWS, 2 * ACT, generator=rng, dtype=torch.float64) * 4
    noise = torch.randn(ROWS, ACT, generator=rng, dtype=torch.float64)
    weigh = torch.randn(ROWS, ACT, generator=rng, dtype=torch.float64)
    raw = head[:, ACT:]
    for cut in (raw < LOG_STD_MIN, raw > LOG_STD_MAX, (raw > LOG_STD_MIN) & (raw < LOG_STD_MAX)):
        assert cut.any()
    head.requires_grad_()
    choice, log_prob = squash(*bound(head), noise)
    loss = (choice * weigh).sum() + alpha * log_prob.sum()
    (expected,) = torch.autograd.grad(loss, [head])
    found = squash_gradient(head.detach(), noise, choice.detach(), weigh, alpha)
    torch.testing.assert_close(found, expected)
