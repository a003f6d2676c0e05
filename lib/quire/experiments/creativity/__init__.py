"""The chapter on creativity: networks and samples that are made once, cells that compare them, measures, plans."""
