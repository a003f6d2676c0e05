"""The one place that knows device names, and how much memory a device has left."""

import psutil
import torch

__all__ = ["available_memory", "require_memory", "resolve"]


def resolve(name: str | torch.device = "auto") -> torch.device:
    """Turn a device name into a device.

    Args:
        name: "cpu", "cuda", "cuda:<index>", "mps", or "auto" (the GPU if there is one, the CPU otherwise).

    Raises:
        ValueError: the name is not a device, or the device is not on this machine.

    >>> resolve("cpu")
    device(type='cpu')
    """
    if str(name) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f'device must be "auto", "cpu", "cuda" or "cuda:<index>", got {name!r}') from None
    present = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}
    if (device.index or 0) >= present.get(device.type, 0):
        raise ValueError(
            f"device {str(name)!r} is not on this machine ({present['cuda']} CUDA devices): "
            'use "auto", or "cpu", or install a torch build for it (TORCH_FLAGS of the Makefile)'
        )
    return device


def available_memory(device: str | torch.device | None = None) -> int:
    """Bytes that an allocation on the device could still take."""
    device = torch.device("cpu") if device is None else torch.device(device)
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return psutil.virtual_memory().available


def require_memory(num_bytes: int, what: str, device: str | torch.device | None = None) -> int:
    """Say how much memory is needed before it is taken.

    Args:
        num_bytes: bytes about to be allocated, all buffers together.
        what: what they hold, for the message.
        device: where; the CPU if not given.

    Returns:
        ``num_bytes``, so that a caller can log it.

    Raises:
        MemoryError: the device has less than that left.

    >>> require_memory(8 * 1024, "a small Gram matrix")
    8192
    """
    free = available_memory(device)
    if num_bytes > free:
        raise MemoryError(
            f"{what} needs {num_bytes / 2**30:.2f} GiB, and {free / 2**30:.2f} GiB are available on "
            f"{device or 'cpu'}: lower the number of points, or use a device with more memory"
        )
    return num_bytes
