"""The wing of the chapter on spatial scales: spectra, learning curves, networks, and what is measured on them."""
