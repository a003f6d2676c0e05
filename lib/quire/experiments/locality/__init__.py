"""The chapter on locality: cells (arguments to rows), and measures (rows to estimates and tables of figures)."""
