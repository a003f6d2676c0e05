"""The chapter on learning mechanics: solvable settings, cells that run them, measures, plans."""
