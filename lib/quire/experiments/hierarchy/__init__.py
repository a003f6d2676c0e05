"""The wing of the chapter on learning a hierarchy: cells that compute rows, plans of what to compute, measures on the rows."""
