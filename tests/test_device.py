"""Devices and memory."""

import pytest
import torch

from quire import device


def test_auto_is_the_gpu_if_there_is_one():
    assert device.resolve().type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert device.resolve(torch.device("cpu")) == torch.device("cpu")


@pytest.mark.parametrize("name", ["gpu", "cuda:x", ""])
def test_a_name_that_is_no_device_is_refused_with_the_choices(name):
    with pytest.raises(ValueError, match='"auto", "cpu", "cuda"'):
        device.resolve(name)


@pytest.mark.parametrize("name", ["cuda:99", "xla", "cpu:1"])
def test_a_device_that_is_not_here_is_refused(name):
    with pytest.raises(ValueError, match="not on this machine"):
        device.resolve(name)


def test_memory_is_asked_for_before_it_is_taken():
    assert device.require_memory(10, "little") == 10
    with pytest.raises(MemoryError, match=r"the Gram matrix needs 1048576.00 GiB, and .* available on cpu"):
        device.require_memory(2**50, "the Gram matrix")
    assert device.available_memory("cpu") > 0


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_the_gpu_knows_its_memory():
    assert 0 < device.available_memory("cuda") <= torch.cuda.get_device_properties(0).total_memory
