import torch
from torch import nn

from genpolicy.averaging import move_towards


def test_a_slow_copy_moves_by_a_share_of_the_way() -> None:
    slow, fast = nn.Linear(3, 2), nn.Linear(3, 2)
    before = [weight.detach().clone() for weight in slow.parameters()]
    ahead = [weight.detach().clone() for weight in fast.parameters()]
    move_towards(slow, fast, 0.25)
    for weight, start, end in zip(slow.parameters(), before, ahead, strict=True):
        torch.testing.assert_close(weight.detach(), 0.75 * start + 0.25 * end)
        assert weight.requires_grad
        assert weight.grad_fn is None
    assert all(torch.equal(a, b) for a, b in zip(fast.parameters(), ahead, strict=True))


def test_all_of_the_way_is_a_copy() -> None:
    slow, fast = nn.Linear(3, 2), nn.Linear(3, 2)
    move_towards(slow, fast, 1.0)
    assert torch.equal(slow.weight, fast.weight)


def test_buffers_are_taken_over_as_they_are() -> None:
    slow, fast = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    fast(torch.randn(8, 2))
    move_towards(slow, fast, 0.1)
    assert slow.running_mean is not None
    assert torch.equal(slow.running_mean, fast.running_mean)
    assert int(slow.num_batches_tracked) == 1
