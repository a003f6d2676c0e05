"""The wing of the chapter on language: cells that compute rows, plans of what to compute, measures on the rows."""
