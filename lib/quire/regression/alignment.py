r"""Teacher and student in one eigenbasis: what is learnable, and what never will be.

Plane waves on the torus are eigenfunctions of every local and convolutional kernel, so that student and teacher differ
only in eigenvalues. Teacher power is lost to the student, :math:`V`, if it involves more pixels than the student's
filter holds (:math:`t > s`), or if the teacher is local and the student convolutional: of the :math:`N_p` places of a
mode the student knows only the symmetric sum, and a fraction :math:`(N_p-1)/N_p` is unlearnable.

Source: favero2021locality (local teachers, convolutional students); derived from the spectra.
"""

import torch

from quire.kernels import PatchSpectrum
from quire.regression.selfconsistent import ModeSpectrum

__all__ = ["align_spectra"]


def align_spectra(student: PatchSpectrum, teacher: PatchSpectrum) -> ModeSpectrum:
    """Put the teacher's power on the student's levels.

    Args:
        student: its spectrum, of any filter size.
        teacher: its spectrum, with the same positions and the same largest frequency.

    Raises:
        ValueError: inputs of different dimension, one overlapping and one not, patches that do not overlap and differ
            in size, or other cut-offs.
    """
    if (student.positions, student.overlapping) != (teacher.positions, teacher.overlapping):
        raise ValueError(
            f"student and teacher must have the same positions and overlap, got {student.positions, student.overlapping} "
            f"and {teacher.positions, teacher.overlapping}: patches that do not overlap must have equal sizes"
        )
    cut = int(student.frequencies.max())
    if cut != int(teacher.frequencies.max()):
        raise ValueError(
            f"max_frequency must agree, got {cut} and {int(teacher.frequencies.max())}: compute both with the same"
        )
    common = max(student.filter_size, teacher.filter_size)
    power = torch.zeros(len(student.eigenvalues), dtype=torch.float64)
    where = torch.full(((cut + 1) ** common,), -1, dtype=torch.int64)
    where[_index(student, cut, common)] = torch.arange(len(power))
    places = where[_index(teacher, cut, common)]
    inside = places >= 0
    learnable = teacher.signs * teacher.eigenvalues * (1 if student.shared or teacher.shared else teacher.positions)
    power[places[inside]] = learnable[inside]
    held = torch.tensor([student.constant], dtype=torch.float64)
    given = torch.tensor([teacher.constant], dtype=torch.float64)
    return ModeSpectrum(
        eigenvalues=torch.cat([held, student.eigenvalues]),
        multiplicities=torch.cat([torch.ones_like(held), student.multiplicities]),
        teacher_power=torch.cat([given, power]),
        student_tail=student.tail,
        unlearnable=max(teacher.trace - teacher.constant - float(power.sum()), 0.0),
    )


def _index(spectrum: PatchSpectrum, cut: int, common: int) -> torch.Tensor:
    """Flat index of each level in the grid of ``common`` coordinates; shorter filters have frequency 0 at the end."""
    weights = (cut + 1) ** torch.arange(common - 1, -1, -1, dtype=torch.int64)[: spectrum.filter_size]
    return (spectrum.frequencies.long() * weights).sum(1)
