"""Diffusion models that learn the rules of a language: covariances, clustering, levels in order, memorisation, text."""
