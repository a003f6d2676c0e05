r"""Learning-curve exponents of deep kernels on targets of a given spatial scale.

A student with L levels and smoothness :math:`2\nu_S` learns a Gaussian target with covariance of smoothness
:math:`2\nu_T` that involves meta-patches of level l. Its eigenvalues in sector m are :math:`|k|^{-2\nu_S-d_m}`, with
:math:`d_m = d_{eff}(m)`. Modes above a threshold :math:`\kappa` are learned. The widest sector holds most of them, so

.. math::
    P \sim \kappa^{-d_L/(2\nu_S+d_L)} \quad\Rightarrow\quad \kappa \sim P^{-(1 + 2\nu_S/d_L)}.

In sector l the modes with :math:`|k| > \kappa^{-1/(2\nu_S+d_l)}` are missed, of power
:math:`\kappa^{2\nu_T/(2\nu_S+d_l)}`; the learned ones leave a residual that is never below :math:`\kappa^2`. Hence

.. math::
    \beta = \Big(1 + \frac{2\nu_S}{d_L}\Big)\, \min\Big(2, \frac{2\nu_T}{2\nu_S + d_l}\Big).

It equals :math:`2\nu_T/d_L` (cursed by the whole input) only for l = L. The often quoted :math:`2\nu_T/d_l` for every l
leaves out that the student spends its points on the modes of its widest sector.

Source: derived; cagnetta2023deep for the eigenvalues, the sectors and the source-capacity bound.
"""

from quire.cite import cites
from quire.deep_kernels.architecture import Architecture, effective_dimension
from quire.deep_kernels.recursion import check_kind

__all__ = [
    "bound_exponent",
    "fully_connected_exponent",
    "quoted_exponent",
    "ridgeless_exponent",
    "sector_decay",
    "smoothness",
]


def smoothness(kind: str) -> int:
    """2 nu: the kernel's cusp is |angle|^(2 nu), 1 for the NTK and 3 for the NNGP of ReLU networks."""
    check_kind(kind)
    return {"ntk": 1, "nngp": 3}[kind]


@cites("cagnetta2023deep", "eigenvalue asymptotics of hierarchical kernels")
def sector_decay(architecture: Architecture, level: int, *, kind: str) -> int:
    """Power of |k| with which the eigenvalues of a sector decay: -(2 nu + d_eff(l)).

    >>> [sector_decay(Architecture((2, 2, 2)), level, kind="ntk") for level in (1, 2, 3)]
    [-2, -3, -5]
    """
    return -(smoothness(kind) + effective_dimension(architecture, level))


def ridgeless_exponent(student: Architecture, teacher_level: int, *, student_kind: str, teacher_kind: str) -> float:
    """Exponent beta of the error P^-beta of the interpolating student (first formula of the module).

    >>> tree, kinds = Architecture((2, 2, 2)), {"student_kind": "ntk", "teacher_kind": "ntk"}
    >>> [round(ridgeless_exponent(tree, level, **kinds), 4) for level in (1, 2, 3)]
    [0.625, 0.4167, 0.25]
    """
    widest = effective_dimension(student, student.depth - 1)
    student_smoothness, source = _source(student, teacher_level, student_kind, teacher_kind)
    return (1 + student_smoothness / widest) * min(2.0, source)


def quoted_exponent(student: Architecture, teacher_level: int, *, teacher_kind: str) -> float:
    """The often quoted 2 nu / d_eff(l), right for l = L only; kept to show that it is not what is measured."""
    return smoothness(teacher_kind) / effective_dimension(student, teacher_level)


def fully_connected_exponent(tree: Architecture, *, student_kind: str, teacher_kind: str) -> float:
    """Exponent of a fully-connected student, whatever the target's level: all of its sectors are as wide as the input.

    With d degrees of freedom in all, (1 + 2 nu_S / d) min(2, 2 nu_T / (2 nu_S + d)), which is 2 nu_T / d unless the
    target is much smoother than the student.

    >>> fully_connected_exponent(Architecture((2, 2, 2)), student_kind="ntk", teacher_kind="ntk")
    0.25
    """
    total = (tree.filter_sizes[0] - 1) * tree.num_nodes(1)
    student_smoothness = smoothness(student_kind)
    return (1 + student_smoothness / total) * min(2.0, smoothness(teacher_kind) / (student_smoothness + total))


def bound_exponent(student: Architecture, teacher_level: int, *, student_kind: str, teacher_kind: str) -> float:
    """Exponent of :func:`quire.regression.error_bound`: min(1, 2 nu_T / (2 nu_S + d_eff(l))).

    It is the ridgeless exponent of a student whose whole input has d_eff(L) -> infinity: adapted to the target's
    scale, whatever the student's.

    >>> bound_exponent(Architecture((2, 2, 2)), 1, student_kind="ntk", teacher_kind="ntk")
    0.5
    """
    return min(1.0, _source(student, teacher_level, student_kind, teacher_kind)[1])


def _source(student: Architecture, teacher_level: int, student_kind: str, teacher_kind: str) -> tuple[int, float]:
    student_smoothness = smoothness(student_kind)
    return student_smoothness, smoothness(teacher_kind) / (
        student_smoothness + effective_dimension(student, teacher_level)
    )
