"""What a run will ask for before it is begun, what that costs, and a run that ends when its time is over.

``asked_by`` finds the cells of a chapter without computing one; ``forecast`` says what is missing and what it takes here;
``compute`` computes cells until nothing is missing or the time is over.
"""

from quire.tools.planning.asked import Asked, asked_by
from quire.tools.planning.computing import compute
from quire.tools.planning.dependence import Statement, asking, depending, statements
from quire.tools.planning.durations import Sample, Scaling
from quire.tools.planning.forecasts import Forecast, forecast
from quire.tools.planning.leaving_out import because, left, without

__all__ = [
    "Asked",
    "Forecast",
    "Sample",
    "Scaling",
    "Statement",
    "asked_by",
    "asking",
    "because",
    "compute",
    "depending",
    "forecast",
    "left",
    "statements",
    "without",
]
