"""Score machines: the scores that a training set dictates to a denoiser of a given architecture, without any training."""
