"""Kernel regression: whole learning curves from one factorisation, exact teacher averages, the self-consistent theory."""

from quire.regression.alignment import align_spectra
from quire.regression.cholesky import SingularGramError, cholesky_factor
from quire.regression.nested import NestedRegression, kernel_regression
from quire.regression.selfconsistent import ModeSpectrum, SelfConsistentCurve, self_consistent_curve
from quire.regression.teachers import draw_teachers

__all__ = [
    "ModeSpectrum",
    "NestedRegression",
    "SelfConsistentCurve",
    "SingularGramError",
    "align_spectra",
    "cholesky_factor",
    "draw_teachers",
    "kernel_regression",
    "self_consistent_curve",
]
