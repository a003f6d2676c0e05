"""Shaped array types of the public functions.

``Float[Tensor, "batch dim"]`` says what a function takes and returns. The annotations are checked while the
tests run (an import hook in ``tests/conftest.py``) and cost nothing otherwise.
"""

from jaxtyping import Bool, Complex, Float, Int, Shaped, UInt8
from torch import Tensor

__all__ = ["Bool", "Complex", "Float", "Int", "Shaped", "Tensor", "UInt8"]
