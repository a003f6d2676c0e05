"""Data sets that come with scikit-learn: nothing is downloaded."""

import numpy as np

from quire.data.dataset import Dataset

__all__ = ["digits", "photos"]


def digits() -> Dataset:
    """Handwritten digits, 1,797 images of 8×8 pixels with values 0 … 16."""
    from sklearn.datasets import load_digits  # slow to import

    bunch = load_digits()
    return Dataset(
        name="digits",
        inputs=bunch.images.astype(np.uint8),
        labels=bunch.target.astype(np.int64),
        test_inputs=None,
        test_labels=None,
        classes=tuple("0123456789"),
        peak=16,
        licence="CC BY 4.0",
        source="E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, test set (UCI, 1998)",
    )


def photos() -> Dataset:
    """Two colour photographs of 427×640 pixels: a temple and a flower."""
    from sklearn.datasets import load_sample_images  # slow to import

    bunch = load_sample_images()
    order = np.argsort(bunch.filenames)
    return Dataset(
        name="photos",
        inputs=np.stack([bunch.images[i] for i in order]),
        labels=np.arange(2),
        test_inputs=None,
        test_labels=None,
        classes=("china", "flower"),
        peak=255,
        licence="CC BY 2.0",
        source="china.jpg by danielbuechele, flower.jpg by vultilion (Flickr, 2011)",
    )
