"""What the chapter on phase collapse runs: cells, plans, measures."""
