"""The wing of the chapter on the phase transition of diffusion on hierarchical data."""
