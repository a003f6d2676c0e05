"""What the chapter on multiscale image models runs: cells, plans, measures."""
