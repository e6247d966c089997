import pytest
from torch import nn

from genpolicy.training.modes import acting


def _modes(model: nn.Module) -> list[bool]:
    return [module.training for module in model.modules()]


def test_models_act_for_a_while_and_every_module_returns_to_its_mode() -> None:
    one = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).train()
    one[1].eval()
    other = nn.Linear(2, 2).eval()
    with acting([one, other]):
        assert [*_modes(one), *_modes(other)] == [False] * 4
    assert _modes(one) == [True, True, False]
    assert _modes(other) == [False]


def test_models_return_to_their_modes_when_acting_fails() -> None:
    model = nn.Dropout().train()
    with pytest.raises(RuntimeError, match="fell over"), acting([model]):
        raise RuntimeError("fell over")
    assert model.training
