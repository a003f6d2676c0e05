"""The ratios that the benchmarks measured, at the end of the report: times mean little on another machine."""

import pytest
import torch


@pytest.fixture
def one_thread():
    """One thread in this process, so that a ratio compares work and not how it is shared."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def pytest_terminal_summary(terminalreporter, config):
    session = getattr(config, "_benchmarksession", None)
    measured = [(bench.name, bench.extra_info) for bench in getattr(session, "benchmarks", []) if bench.extra_info]
    if measured:
        terminalreporter.section("ratios: time of the alternative over ours, memory, and what was measured")
    for name, info in measured:
        shown = (f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}" for key, value in info.items())
        terminalreporter.write_line(f"{name:<55} {', '.join(shown)}")
