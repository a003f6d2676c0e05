"""The eight image tasks of task arithmetic, from folders that the user has downloaded: one folder for each class."""

from pathlib import Path

import numpy as np

__all__ = ["EIGHT_TASKS", "load_image_task"]

# the tasks of the paper, and where their data come from; the control is ImageNet
EIGHT_TASKS = {
    "Cars": "Stanford Cars, 196 classes",
    "DTD": "Describable Textures, 47 classes, https://www.robots.ox.ac.uk/~vgg/data/dtd/",
    "EuroSAT": "EuroSAT, 10 classes, https://github.com/phelber/EuroSAT",
    "GTSRB": "German traffic signs, 43 classes, https://benchmark.ini.rub.de",
    "MNIST": "MNIST, 10 classes",
    "RESISC45": "NWPU-RESISC45, 45 classes",
    "SUN397": "SUN397, 397 classes, https://vision.princeton.edu/projects/2010/SUN/",
    "SVHN": "Street View House Numbers, 10 classes, http://ufldl.stanford.edu/housenumbers/",
}


def load_image_task(folder: str | Path, name: str, *, size: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Images ``[samples, 3, size, size]`` in [0, 1], labels, and the classes, from ``folder/name/class/*.png`` and the like.

    Each image is scaled so that its shorter side is ``size``, and its middle is kept.

    Raises:
        ValueError: the name is none of the eight.
        FileNotFoundError: the data are not there; says what to download.
    """
    if name not in EIGHT_TASKS:
        raise ValueError(f"{name!r} is none of the tasks {list(EIGHT_TASKS)}")
    root = Path(folder) / name
    classes = sorted(path.name for path in root.glob("*") if path.is_dir())
    files = [(path, label) for label, own in enumerate(classes) for path in sorted((root / own).iterdir())]
    if not files:
        raise FileNotFoundError(f"download {EIGHT_TASKS[name]}, and put its images into {root}/<class>/")
    images = np.stack([_read(path, size) for path, _ in files])
    return images, np.array([label for _, label in files]), classes


def _read(path: Path, size: int) -> np.ndarray:
    from PIL import Image  # comes with matplotlib

    with Image.open(path) as opened:
        image = opened.convert("RGB")
    scale = size / min(image.size)
    width, height = (max(size, round(scale * side)) for side in image.size)
    left, top = (width - size) // 2, (height - size) // 2
    cut = image.resize((width, height), Image.Resampling.BICUBIC).crop((left, top, left + size, top + size))
    return np.asarray(cut, dtype=np.float32).transpose(2, 0, 1) / 255
