from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from genpolicy.backbone import Model
from genpolicy.training.python_state import bound_parts, changes, moments, plain_values


class Keeping(Model):
    """Keeps what a test is about."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(1, 1)
        self.number, self.listed, self.named = 0.0, [0, torch.ones(2)], {"steps": 0}
        self.weighed = (torch.ones(2), 1)

    def after_step(self, progress: float) -> None:
        self.number = float(progress >= 0.5)


@pytest.mark.parametrize(
    "change",
    [
        lambda keeping: setattr(keeping, "number", 1.0),
        lambda keeping: setattr(keeping.inner, "mode", "other"),
        lambda keeping: keeping.listed.__setitem__(0, 1),
        lambda keeping: keeping.named.update(steps=1),
        lambda keeping: setattr(keeping, "weighed", (torch.ones(2), 2)),
    ],
)
def test_plain_values_are_seen_one_level_deep(change):
    keeping = Keeping()
    before = plain_values(keeping)
    assert plain_values(keeping) == before
    change(keeping)
    assert plain_values(keeping) != before


def test_tensors_are_no_plain_values():
    keeping = Keeping()
    before = plain_values(keeping)
    keeping.listed[1], keeping.weighed = torch.zeros(2), (torch.zeros(2), 1)
    keeping.inner.weight.data.zero_()
    assert plain_values(keeping) == before


def test_a_change_in_the_midst_of_training_is_seen_and_the_model_left_alone():
    keeping = Keeping()
    assert changes(keeping, moments(settled=False))
    assert not changes(keeping, (0.1, 0.2))
    assert keeping.number == 0.0
    assert not changes(Model(), [object()])
    assert moments(settled=True) == (1.0,)


def test_a_loss_is_bound_to_its_owner_and_its_models():
    owner, policy = Keeping(), SimpleNamespace()
    assert bound_parts(partial(owner.after_step, policy=policy)) == [owner, policy]
    assert bound_parts(len) == []
