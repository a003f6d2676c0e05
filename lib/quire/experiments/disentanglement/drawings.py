"""What the tasks look like: a row of pictures for each."""

from quire.data import TASKS, load
from quire.figures import pictures

__all__ = ["task_pictures"]


def task_pictures(*, num_tasks: int, count: int):
    """So many training images of each task and of the control, with its name above the first.

    Args:
        num_tasks: the first so many of Glyph-8.
        count: images of each.
    """
    shown, titles, about = [], [], []
    for name in (*TASKS[:num_tasks], "control"):
        data = load("glyph-tasks", task=name, num_samples=count, num_test=0)
        for number in range(count):
            shown.append(data.inputs[number] / data.peak)
            titles.append(name if number == 0 else "")
            about.append({"task": name, "example": number, "character": data.classes[int(data.labels[number])]})
    return pictures(
        shown, titles=titles, about=about, layout=(num_tasks + 1, count), size=(0.95, 1.1), brightness=(0, 1)
    )
