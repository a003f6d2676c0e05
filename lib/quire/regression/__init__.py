"""Kernel regression: whole learning curves from one factorisation, exact teacher averages, the self-consistent theory,
logistic regression."""

from quire.regression.alignment import align_spectra
from quire.regression.cholesky import SingularGramError, cholesky_factor
from quire.regression.logistic import NotConvergedError, logistic_coefficients, nested_logistic
from quire.regression.nested import NestedRegression, kernel_regression
from quire.regression.selfconsistent import ModeSpectrum, SelfConsistentCurve, self_consistent_curve
from quire.regression.teachers import draw_teachers

__all__ = [
    "ModeSpectrum",
    "NestedRegression",
    "NotConvergedError",
    "SelfConsistentCurve",
    "SingularGramError",
    "align_spectra",
    "cholesky_factor",
    "draw_teachers",
    "kernel_regression",
    "logistic_coefficients",
    "nested_logistic",
    "self_consistent_curve",
]
