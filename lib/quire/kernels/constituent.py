r"""What a kernel of one patch is: the constituent of every convolutional and local kernel.

For patches :math:`x, y` of size :math:`s` with cosine :math:`t` and radii :math:`r_x=|x|/\sqrt s` a constituent is a
function of the cosine, of the product :math:`r_x r_y t` and the radii, or of the distance :math:`|x-y|`. Coincident points
take the exact ``diagonal`` instead of the function, which loses digits there.

Those of one hidden layer are in :mod:`quire.kernels.rectified` and :mod:`quire.kernels.error_function`, stationary ones in
:mod:`quire.kernels.stationary`.

Source: favero2021locality (constituents of convolutional and local kernels).
"""

from typing import ClassVar

from quire.types import Float, Tensor

__all__ = ["Constituent"]


class Constituent:
    r"""A kernel of one pair of patches.

    ``geometry`` says what it is a function of: "cosines" (a profile of :math:`t`, times :math:`r_x r_y`), "products" (of
    :math:`r_x r_y t` and the squared radii) or "distances" (of :math:`|x-y|^2`). ``smoothness_exponent`` is the
    :math:`\alpha` of :math:`K(0)-K(x) \sim |x|^\alpha`, hence eigenvalues :math:`k^{-(s+\alpha)}`.
    """

    geometry: ClassVar[str]
    smoothness_exponent: float

    def apply_(self, values: Tensor) -> Tensor:
        """Replace cosines or squared distances by the kernel, in place."""
        return values.copy_(self(values))

    def accumulate_(self, total: Tensor, values: Tensor, weights: Tensor) -> None:
        """Add the kernel of cosines, times the weights of their columns, to a total; the cosines may be overwritten."""
        total.addcmul_(self.apply_(values), weights)

    def diagonal(self, squared_radius: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
        """The kernel of a patch with itself, exactly."""
        raise TypeError(f"{type(self).__name__} gives no diagonal: a constituent must define one")
