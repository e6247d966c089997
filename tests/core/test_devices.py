import pytest
import torch

from genpolicy.devices import choose_device
from genpolicy.errors import OptionError


@pytest.fixture
def two_gpus(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)


@pytest.fixture
def no_gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)


def test_without_a_gpu_auto_is_the_cpu(no_gpu):
    assert choose_device("auto") == torch.device("cpu")


def test_with_gpus_auto_and_cuda_are_the_first(two_gpus):
    assert choose_device("auto") == choose_device("cuda") == torch.device("cuda:0")
    assert choose_device("cuda:1") == torch.device("cuda:1")
    assert choose_device("cpu") == torch.device("cpu")


def test_a_device_that_is_not_there_is_refused_with_those_that_are(two_gpus):
    with pytest.raises(OptionError, match=r"no device 'cuda:2'; this machine has cpu, cuda:0, cud"):
        choose_device("cuda:2")


def test_a_gpu_where_there_is_none_is_refused(no_gpu):
    with pytest.raises(OptionError, match=r"there is no device 'cuda'; this machine has cpu$"):
        choose_device("cuda")
