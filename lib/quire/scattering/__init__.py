"""Scattering: fixed wavelet filters, a pointwise nonlinearity, averages; and networks that learn what mixes the channels between.

``morlet_bank`` (filters), ``wavelet_coefficients`` and ``scattering`` (fixed transforms), ``applied`` (modulus, soft threshold, rectifier,
by name of NONLINEARITIES) and ``ScatteringNet`` (learned channel matrices between fixed filters).
"""

from quire.scattering.filters import MorletBank, morlet_bank
from quire.scattering.learned import ScatteringNet
from quire.scattering.phases import NONLINEARITIES, applied, real_parts
from quire.scattering.transform import scattering, wavelet_coefficients

__all__ = [
    "NONLINEARITIES",
    "MorletBank",
    "ScatteringNet",
    "applied",
    "morlet_bank",
    "real_parts",
    "scattering",
    "wavelet_coefficients",
]
