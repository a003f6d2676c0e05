"""The symbols of a formula: its letters, without words, indices, named functions and the names of operators."""

import re
import unicodedata

WORDS = re.compile(r"\\(?:text|mathrm|operatorname|textrm|begin|end)\*?\s*\{[^{}]*\}")
OPERATORS = re.compile(r"\\(?:mathbb|mathcal)\s*\{?[A-Z]\}?|\bO\(|(?<![\w\\])1\s*[\[(]")
SUBSCRIPTS = re.compile(r"_\{[^{}]*\}|_\\[a-zA-Z]+(?:\{[^{}]*\})?|_[A-Za-z0-9*]")
GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega "
    "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
).split()
LETTERS = dict(zip(GREEK, "αβγδεζηθκλμνξπρστφχψωΓΔΘΛΞΠΣΦΨΩ", strict=True)) | {
    "varepsilon": "ε",
    "varphi": "φ",
    "vartheta": "θ",
    "ell": "l",
}
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+(?:\n[^$\n]+)?)\$", re.DOTALL)


def formulas(text: str) -> list[str]:
    """What stands between dollars in a text, code left out.

    >>> formulas("an error $E$ of `$not$` this, $$a = b$$")
    ['E', 'a = b']
    """
    found = FORMULA.findall(re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL))
    return [display or inline for display, inline in found]


def symbols(formula: str) -> set[str]:
    r"""The letters of a formula in TeX or in Unicode.

    >>> sorted(symbols("\\Lambda_k \\sim |k|^{-2\\nu - d_\\mathrm{eff}(l)} \\text{ in } \\mathbb E[x]"))
    ['d', 'k', 'l', 'x', 'Λ', 'ν']
    """
    left = OPERATORS.sub(" ", WORDS.sub(" ", unicodedata.normalize("NFD", formula)))
    before = ""
    while left != before:  # subscripts in subscripts
        before, left = left, SUBSCRIPTS.sub(" ", left)
    left = re.sub(r"\\([a-zA-Z]+)", lambda match: LETTERS.get(match[1], " "), left)
    return set(re.findall(r"[A-Za-zα-ωΑ-Ω]", left))
