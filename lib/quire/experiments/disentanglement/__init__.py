"""The chapter on weight disentanglement: networks that are trained once, cells that combine their weights, measures, plans."""
