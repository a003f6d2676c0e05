"""What the chapter on rainbow networks runs: cells, plans, measures."""
