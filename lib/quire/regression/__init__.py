"""Kernel regression: whole learning curves from one factorisation, exact teacher averages, the self-consistent theory, an
upper bound on the error, logistic regression."""

from quire.regression.alignment import align_spectra
from quire.regression.bound import ErrorBound, best_error_bound, error_bound
from quire.regression.cholesky import SingularGramError, cholesky_factor
from quire.regression.empirical import empirical_spectrum
from quire.regression.logistic import NotConvergedError, logistic_coefficients, nested_logistic
from quire.regression.nested import NestedRegression, kernel_regression
from quire.regression.selfconsistent import ModeSpectrum, SelfConsistentCurve, self_consistent_curve
from quire.regression.teachers import draw_teachers

__all__ = [
    "ErrorBound",
    "ModeSpectrum",
    "NestedRegression",
    "NotConvergedError",
    "SelfConsistentCurve",
    "SingularGramError",
    "align_spectra",
    "best_error_bound",
    "cholesky_factor",
    "draw_teachers",
    "empirical_spectrum",
    "error_bound",
    "kernel_regression",
    "logistic_coefficients",
    "nested_logistic",
    "self_consistent_curve",
]
