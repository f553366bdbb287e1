"""Activation statistics on disk: norm and std per sample, partition and layer input.

Inputs of one width share an array (samples, inputs, partition, statistic, width): one write per
chunk of samples however many layers were observed, and one copy from a device. Shards keep each
input's part of a chunk apart, so a score reads one layer without the others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from storage.formats.samples import Array, Field, SampleArrays, fill_together
from uwm.method.statistics import Activations
from uwm.partitions import PARTITIONS, Partition

_PLACES = "places"
Observed = Mapping[str, Activations]
"""What was observed of a partition's part of a chunk: activations by input."""


def statistics_fields(widths: Mapping[str, int]) -> dict[str, Field]:
    """The arrays that statistics of inputs of the given widths, by name, are kept in."""
    rest = (len(PARTITIONS), len(Activations._fields))
    return {
        f"width-{width}": Field((len(names), *rest, width), "float32", piece=(1, *rest, width))
        for width, names in _by_width(widths).items()
    }


def _by_width(widths: Mapping[str, int]) -> dict[int, list[str]]:
    by_width: dict[int, list[str]] = {}
    for name, width in sorted(widths.items()):
        by_width.setdefault(width, []).append(name)
    return by_width


class StatisticsArrays:
    """Open the statistics in `folder`, to read or to go on writing."""

    def __init__(self, folder: Path) -> None:
        self.arrays = SampleArrays(folder)
        self._places = cast("dict[str, tuple[str, int]]", self.arrays.attributes[_PLACES])

    @classmethod
    def create(
        cls, folder: Path, samples: int, chunk: int, widths: Mapping[str, int]
    ) -> StatisticsArrays:
        """Arrays for inputs of the given widths, by name; see `SampleArrays.create`."""
        by_width = _by_width(widths)
        SampleArrays.create(
            folder,
            samples=samples,
            chunk=chunk,
            fields=statistics_fields(widths),
            attributes={
                _PLACES: {
                    name: (f"width-{width}", place)
                    for width, names in by_width.items()
                    for place, name in enumerate(names)
                }
            },
        )
        return cls(folder)

    @property
    def samples(self) -> int:
        """Number of pairs."""
        return self.arrays.samples

    @property
    def names(self) -> list[str]:
        """The inputs that statistics are of, such as `fc2/03`."""
        return list(self._places)

    def chunks(self) -> list[slice]:
        """The rows of each chunk, in order."""
        return list(self.arrays.chunks())

    def read(self, name: str, rows: slice = slice(None)) -> tuple[Activations, Activations]:
        """Rows of one input's statistics, safe and unsafe.

        Raises:
            KeyError: the input was not captured.
            DamagedArtifactError: stored bytes are not those that were written.
        """
        array, place = self._places[name]
        stored = torch.from_numpy(self.arrays.read(array, (rows, place)))
        safe, unsafe = (Activations(*stored[:, part].unbind(1)) for part in range(len(PARTITIONS)))
        return safe, unsafe

    def stacked(self, observed: Mapping[Partition, Observed]) -> dict[str, Tensor]:
        """What was observed by partition, as one tensor per stored array, on the same device."""
        stacked: dict[str, Tensor] = {}
        for name, (array, place) in self._places.items():
            for part, partition in enumerate(PARTITIONS):
                for statistic, values in enumerate(observed[partition][name]):
                    if array not in stacked:
                        shape = (len(values), *self.arrays.shape(array)[1:])
                        stacked[array] = values.new_empty(shape)
                    stacked[array][:, place, part, statistic] = values
        return stacked


def fill_statistics(
    members: Sequence[StatisticsArrays],
    load: Callable[[Partition, slice], Tensor],
    observe: Callable[[Tensor, Collection[str]], Observed],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Observe and write every missing chunk of several statistics of the same samples.

    A chunk is loaded and observed once for all that are missing it, see `fill_together`.

    Args:
        load: a partition and its rows, to inputs.
        observe: inputs, and the names of what to observe of them, to the activations of these.
    """

    def compute(inputs: dict[Partition, Tensor], places: Sequence[int]) -> list[dict[str, Tensor]]:
        names = [name for place in places for name in members[place].names]
        observed = {part: observe(inputs[part], names) for part in PARTITIONS}
        return [members[place].stacked(observed) for place in places]

    def to_arrays(found: list[dict[str, Tensor]]) -> list[dict[str, Array]]:
        return [{name: values.cpu().numpy() for name, values in each.items()} for each in found]

    fill_together(
        [each.arrays for each in members],
        lambda rows: {part: load(part, rows) for part in PARTITIONS},
        compute,
        to_arrays,
        progress,
    )
