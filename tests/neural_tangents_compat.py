"""Make ``import neural_tangents`` (0.6.5, the last release) work under jax 0.5 and recent scipy.

Import this module first. It changes nothing in the installed packages; it supplies what they removed:

(a) ``neural_tangents.experimental`` needs tensorflow, which nothing here uses: an empty module takes its place;
(b) ``jax.interpreters.ad`` used to re-export ``source_info_util`` and ``config``;
(c) a compiled function's cost analysis is a mapping, no longer a list of one;
(d) ``scipy.linalg.eigvalsh`` renamed its argument ``eigvals`` to ``subset_by_index``.
"""

import importlib.util
import os
import sys
import types

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
from jax._src import source_info_util
from jax.interpreters import ad

jax.config.update("jax_enable_x64", True)

if importlib.util.find_spec("tensorflow") is None:
    sys.modules.setdefault("neural_tangents.experimental", types.ModuleType("neural_tangents.experimental"))
for name, module in (("source_info_util", source_info_util), ("config", jax.config)):
    if not hasattr(ad, name):
        setattr(ad, name, module)

import neural_tangents  # noqa: E402
import scipy.linalg  # noqa: E402
from neural_tangents._src import empirical, predict  # noqa: E402


def _get_flops(function, optimize, *arguments):
    lowered = jax.jit(function).lower(*arguments)
    analysis = lowered.compile().cost_analysis() if optimize else lowered.cost_analysis()
    analysis = analysis[0] if isinstance(analysis, list) else analysis
    return (analysis or {}).get("flops", float("inf"))


def _eigvalsh(matrix, *arguments, eigvals=None, **options):
    return scipy.linalg.eigvalsh(matrix, *arguments, subset_by_index=eigvals, **options)


class _Linalg(types.ModuleType):
    eigvalsh = staticmethod(_eigvalsh)

    def __getattr__(self, name):
        return getattr(scipy.linalg, name)


class _Scipy(types.ModuleType):
    linalg = _Linalg("scipy.linalg")

    def __getattr__(self, name):
        return getattr(scipy, name)


empirical._get_flops = _get_flops
predict.sp = _Scipy("scipy")

__all__ = ["neural_tangents"]
