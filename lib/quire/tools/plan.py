"""What `quire run` is asked to do, checked to the end before anything is touched."""

from dataclasses import dataclass
from pathlib import Path

from quire.files import folder
from quire.settings import setting
from quire.tools.places import valid_label
from quire.tools.profiles import resolve
from quire.tools.share import Share, share

__all__ = ["Plan", "planned"]


@dataclass(frozen=True)
class Plan:
    """A run that may begin.

    Args:
        values: what profile and user give to the parameters, by chapter.
        profile: smoke, book or paper.
        label: the run's name below ``build/``.
        changed: names of the parameters that the user gave.
        fresh: compute everything, in a store of its own.
        check: how many of its published cells each chapter computes again.
        share: how the chapters share the machine.
        seeds: the first seed of every sweep.
        budget: seconds after which no cell is computed any more; 0: there is no such limit.
        served: compute nothing.
    """

    values: dict[str, dict]
    profile: str
    label: str
    changed: list[str]
    fresh: bool
    check: int
    share: Share
    seeds: int = 0
    budget: float = 0.0
    served: bool = False

    @property
    def partial(self) -> bool:
        """Whether cells may be missing in the end, and what depends on them is left out."""
        return self.served or bool(self.budget)

    @property
    def store(self) -> Path:
        """Where finished cells are kept."""
        return folder("build") / self.label / "store" if self.fresh else folder("store")


def planned(
    names: list[str],
    profile: str,
    overrides: dict,
    jobs: int,
    label: str,
    fresh: bool,
    check: int,
    seeds: int = 0,
    budget: float = 0.0,
    served: bool = False,
) -> Plan:
    """Check what is asked; the arguments are those of :func:`quire.tools.run.run`.

    Raises:
        ValueError: there is nothing to run, or a chapter, profile, parameter, device, label or number is wrong.
    """
    if not names or check < 0 or seeds < 0:
        raise ValueError(
            f"expected a chapter, no or more cells to check, and a first seed from 0 on; got {names}, {check} and {seeds}"
        )
    values = {name: resolve(name, profile, overrides) for name in names}
    _check_devices({given.get("device", "auto") for given in values.values()})
    label = valid_label(label, profile, bool(overrides.keys() - {"device"}), fresh, seeds)
    workers = setting("QUIRE_JOBS")
    if not workers.isdecimal():
        raise ValueError(f"QUIRE_JOBS must be a number of workers (0: all cores), got {workers!r}")
    divided = share(jobs, len(values), int(workers))
    return Plan(values, profile, label, sorted(overrides), fresh, check, divided, seeds, budget, served)


def _check_devices(names: set[str]) -> None:
    """Refuse a device that this machine does not have; a CPU every machine has, and "auto" is what there is."""
    for name in sorted(names - {"auto", "cpu"}):
        from quire import device  # torch is slow to import

        device.resolve(name)
