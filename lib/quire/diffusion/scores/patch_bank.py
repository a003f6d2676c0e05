r"""The windows of a training set as keys of an attention, equal ones merged, in chunks that fit into a given memory.

The posterior weight of a window :math:`\varphi` that occurs c times, given the noisy window x, is

.. math:: c\,e^{-\|x - \sqrt{\bar\alpha}\varphi\|^2 / 2(1 - \bar\alpha)} \propto
   \exp\Big[\tfrac{\sqrt{\bar\alpha}}{1 - \bar\alpha}\, x\cdot\varphi
   - \tfrac{\bar\alpha}{1 - \bar\alpha}\,\tfrac12\|\varphi\|^2 + \log c\Big],

a product of a query with the key :math:`(\varphi, \tfrac12\|\varphi\|^2, \log c)`, which does not depend on the noise.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from quire.diffusion.scores.merging import merged
from quire.diffusion.scores.neighbourhoods import Block
from quire.types import Float, Int, Tensor

__all__ = ["EXTRA", "Keys", "PatchBank"]

EXTRA = 2  # components of a key beyond the window: half its square, and the logarithm of its count
ALIGNED = 16  # components come in multiples: the vectors of a processor


@dataclass(frozen=True, eq=False)
class Keys:
    """Keys of a part of the training set for one block.

    Attributes:
        keys: window, half its squared norm, logarithm of its count, zeros up to a multiple of 16. Groups with fewer
            windows are filled up with keys of no weight.
        source: of each key, the first place where it occurs: image · positions + position.
    """

    keys: Float[Tensor, "groups keys dims"]
    source: Int[Tensor, "groups keys"]

    @property
    def bytes(self) -> int:
        """Memory that they take."""
        return self.keys.nbytes + self.source.nbytes


class PatchBank:
    """A training set, seen through windows.

    Args:
        images: the training set.
        memory: bytes that windows may take at one time; beyond that they are made anew for each call.

    Raises:
        ValueError: no images, images that are not finite numbers, or no memory.
    """

    def __init__(self, images: Float[Tensor, "images channels height width"], *, memory: int):
        if images.ndim != 4 or images.numel() == 0:
            raise ValueError(
                f"the bank must be images [images, channels, height, width], at least one, got {list(images.shape)}"
            )
        if not bool(images.isfinite().all()):
            raise ValueError("the bank's images must be finite, got nan or inf: clean them first")
        if memory < 1:
            raise ValueError(f"memory must be a positive number of bytes, got {memory}")
        self.images, self.memory = images, memory
        self._kept: OrderedDict[tuple, list[Keys]] = OrderedDict()

    def chunks(self, look: Callable[[Tensor], Tensor], block: Block, *, name: tuple, like: Tensor) -> Iterator[Keys]:
        """The keys of a block.

        Args:
            look: from images to their windows ``[images, positions, dims]``.
            block: which of the positions.
            name: of the windows and the block, under which the keys are remembered while they fit into the memory.
            like: a tensor on the device and of the precision that the keys should have.
        """
        name = (*name, like.dtype, str(like.device))
        if name in self._kept:
            self._kept.move_to_end(name)
            yield from self._kept[name]
            return
        together = self._images_at_a_time(look, block, like)
        found: list[Keys] = []
        for start in range(0, len(self.images), together):
            part = self._keys(look, block, start, self.images[start : start + together].to(like))
            if together >= len(self.images):
                found.append(part)
            yield part
        if found:
            self._remember(name, found)

    def _images_at_a_time(self, look: Callable, block: Block, like: Tensor) -> int:
        """As many as have their windows, and the work of merging them, in the memory."""
        one = look(self.images[:1].to(like))
        numbers = (max(one.shape[1], block.sources.numel()) * (one.shape[2] + EXTRA + ALIGNED)) * one.element_size()
        return max(1, self.memory // (4 * numbers))

    def _keys(self, look: Callable, block: Block, start: int, images: Tensor) -> Keys:
        seen = look(images)
        positions, dims = seen.shape[1:]
        groups, places = block.sources.shape
        sources = block.sources.to(seen.device)
        flat = seen.index_select(1, sources.flatten()).unflatten(1, (groups, places)).transpose(0, 1).flatten(1, 2)
        del seen  # as large as what was taken from it
        first, counts = merged(flat)
        chosen = flat.gather(1, first[..., None].expand(-1, -1, dims))
        keys = flat.new_zeros(groups, first.shape[1], -(-(dims + EXTRA) // ALIGNED) * ALIGNED)
        keys[..., :dims] = chosen
        keys[..., dims] = chosen.square().sum(2) / 2
        keys[..., dims + 1] = counts.to(keys).log().clamp_min(-1e30)  # of no occurrence: no weight, and no nan
        place = sources.gather(1, first % places)
        return Keys(keys, (start + first // places) * positions + place)

    def _remember(self, name: tuple, found: list[Keys]) -> None:
        """Keep these, and forget the oldest while all take more than the memory."""
        self._kept[name] = found
        while len(self._kept) > 1 and self._bytes() > self.memory:
            self._kept.popitem(last=False)

    def _bytes(self) -> int:
        return sum(keys.bytes for parts in self._kept.values() for keys in parts)
