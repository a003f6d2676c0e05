r"""Means over the ensemble of grammars: sizes of correlations, sample complexities, limiting losses.

With N = v^s strings and q_l the participation Σ_k f_k² of the rules of level l (1/m when uniform), the covariance of two
children's laws given their parents shrinks by g_l = (1 - 1/v) q_l N/(N-1) per level. Squared covariances, averaged over
grammars and symbols, are products of the g_l; for v, m large they become powers of m:

    class, token:   <C²> = n_c⁻² (1 - 1/n_c) v⁻¹ Π_l g_l                       -> 1 / (n_c² v m^L)
    token, token:   <C²> = (1 - f) / (v³ m^(2l-1)) at LCA level l, f = m / v^(s-1)

A covariance is seen in P data when it exceeds the sampling noise: P_c = n_c m^L for the class, P_l = v m^(2l-1)/(1-f) for
the last token.

Source: cagnetta2024rhm, Eq. (10); cagnetta2024ntp, Eqs. (8) and (11). The finite-size forms are derived here.
"""

import math

from quire.cite import cites
from quire.hierarchy.grammar import RandomHierarchy

__all__ = [
    "asymptotic_class_token",
    "asymptotic_string_token",
    "asymptotic_token_token",
    "class_threshold",
    "ensemble_class_string",
    "ensemble_class_token",
    "ensemble_token_token",
    "mean_candidates",
    "step_threshold",
]


def ensemble_class_token(grammar: RandomHierarchy) -> float:
    """Mean squared covariance of class and token over the ensemble that the grammar belongs to, at finite size."""
    classes = grammar.num_classes
    return (
        (1 - 1 / classes)
        / (classes**2 * grammar.vocab)
        * math.prod(_shrink(grammar, level) for level in range(1, grammar.depth + 1))
    )


def ensemble_class_string(grammar: RandomHierarchy) -> float:
    """Mean squared covariance of the class with the v·m strings of s tokens that exist, at finite size."""
    classes = grammar.num_classes
    upper = math.prod(_shrink(grammar, level) for level in range(2, grammar.depth + 1))
    per_symbol = (1 - 1 / classes) / (classes**2 * grammar.vocab) * upper
    return per_symbol * grammar.participation(1) / grammar.num_rules


@cites("cagnetta2024rhm", "signal against sampling noise, Eq. (10)")
def asymptotic_class_token(grammar: RandomHierarchy) -> float:
    """1 / (n_c² v m^L)."""
    return 1 / (grammar.num_classes**2 * grammar.vocab * grammar.num_rules**grammar.depth)


@cites("cagnetta2024ntp", "Eq. (8); finite size derived here")
def ensemble_token_token(grammar: RandomHierarchy, level: int) -> float:
    """Mean squared covariance of two tokens whose lowest common ancestor has the given level, at finite size.

    Includes the fluctuations of the symbols' marginals, to first order.
    """
    v, strings = grammar.vocab, grammar.vocab**grammar.branching
    spread, siblings = 0.0, v ** (1 - grammar.branching)
    for height in range(grammar.depth, level, -1):
        # relative variance of the law of one symbol, from the root down
        own = (1 - 1 / v) * strings / (strings - 1) * (grammar.participation(height) - siblings)
        spread = own + spread * _shrink(grammar, height)
    here = grammar.participation(level)
    joint = here / v**3 * (1 - siblings / here) * (1 - 1 / v) ** 2 * strings / (strings - 1)
    return joint * (1 + spread) * math.prod(_shrink(grammar, height) ** 2 for height in range(1, level))


@cites("cagnetta2024ntp", "Eq. (8)")
def asymptotic_token_token(grammar: RandomHierarchy, level: int) -> float:
    """(1 - f) / (v³ m^(2l-1)), for large v and m and uniform rules."""
    return (1 - grammar.fill) / (grammar.vocab**3 * grammar.num_rules ** (2 * level - 1))


@cites("cagnetta2024ntp", "correlations of a string and a token")
def asymptotic_string_token(grammar: RandomHierarchy, level: int) -> float:
    """(1 - f) / (v³ m^(2l)): a token with the existing strings of s tokens, at LCA level l >= 2."""
    return (1 - grammar.fill) / (grammar.vocab**3 * grammar.num_rules ** (2 * level))


@cites("cagnetta2024rhm", "sample complexity n_c m^L")
def class_threshold(grammar: RandomHierarchy) -> float:
    """P_c = n_c m^L, where class-string covariances emerge from the sampling noise."""
    return float(grammar.num_classes * grammar.num_rules**grammar.depth)


@cites("cagnetta2024ntp", "sample complexities of the steps")
def step_threshold(grammar: RandomHierarchy, level: int, *, weight_sharing: bool) -> float:
    """Number of data at which the last token is predicted with the rules of levels up to l.

    P_l = v m^(2l-1)/(1-f) from the correlations of the last token alone; with the rules of the levels below learned
    anywhere in the datum (a convolutional network, ``weight_sharing``) P_l = v m^(l+1)/(1-f) for l >= 2.

    >>> grammar = RandomHierarchy(vocab=16, num_rules=4, branching=2, depth=3, num_classes=16, seed=0)
    >>> [round(step_threshold(grammar, level, weight_sharing=False)) for level in (1, 2, 3)]
    [85, 1365, 21845]
    """
    if grammar.fill >= 1:
        raise ValueError("every string is grammatical (num_rules = vocab**(branching-1)): tokens have no correlations")
    power = level + 1 if weight_sharing and level > 1 else 2 * level - 1
    return grammar.vocab * grammar.num_rules**power / (1 - grammar.fill)


@cites("cagnetta2024ntp", "effective vocabulary, Eq. (11)")
def mean_candidates(grammar: RandomHierarchy, level: int) -> float:
    """Mean number of last tokens compatible with the s^l - 1 tokens before: N_0 = v, N_{l+1} = 1 + f N_l.

    Its logarithm bounds the loss of a predictor that knows l levels from above.
    """
    if grammar.fill == 1:
        return float(grammar.vocab)
    number = float(grammar.vocab)
    for _ in range(level):
        number = 1 + grammar.fill * number
    return number


def _shrink(grammar: RandomHierarchy, level: int) -> float:
    strings = grammar.vocab**grammar.branching
    return (1 - 1 / grammar.vocab) * grammar.participation(level) * strings / (strings - 1)
