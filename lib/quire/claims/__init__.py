"""Claims: predicted in the ledger before a run, reported by a chapter, judged by one rule."""

from quire.claims.display import expected, scoreboard
from quire.claims.entries import BASES, Claim, ledger
from quire.claims.others import beside_published
from quire.claims.reports import measured, report, untested
from quire.claims.verdicts import SYMBOLS, Judgement, Verdict, judge, judge_all, judge_run, power

__all__ = [
    "BASES",
    "SYMBOLS",
    "Claim",
    "Judgement",
    "Verdict",
    "beside_published",
    "expected",
    "judge",
    "judge_all",
    "judge_run",
    "ledger",
    "measured",
    "power",
    "report",
    "scoreboard",
    "untested",
]
