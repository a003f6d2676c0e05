"""The chapter on relative stability: cells (arguments to rows), what is made (arguments to tensors), measures, plans."""
