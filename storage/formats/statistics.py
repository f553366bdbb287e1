"""Activation statistics on disk: norm and std (and peak) per sample, partition and layer input.

Inputs of one width share an array (samples, inputs, partition, statistic, width): one write per
chunk of samples however many layers were observed, and one copy from a device. Shards keep each
input's part of a chunk apart, so a score reads one layer without the others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from storage.formats.samples import Array, Field, SampleArrays
from uwm.method.statistics import Activations

PARTITIONS = ("safe", "unsafe")
_PLACES = "places"
Observed = Mapping[str, Activations]
"""What was observed of a partition's part of a chunk: activations by input."""


def statistics_fields(widths: Mapping[str, int], *, peaks: bool = False) -> dict[str, Field]:
    """The arrays that statistics of inputs of the given widths, by name, are kept in."""
    rest = (len(PARTITIONS), len(Activations._fields) - (not peaks))
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
        self._arrays = SampleArrays(folder)
        self._places = cast("dict[str, tuple[str, int]]", self._arrays.attributes[_PLACES])

    @classmethod
    def create(
        cls,
        folder: Path,
        samples: int,
        chunk: int,
        widths: Mapping[str, int],
        *,
        peaks: bool = False,
    ) -> StatisticsArrays:
        """Arrays for inputs of the given widths, by name; see `SampleArrays.create`."""
        by_width = _by_width(widths)
        SampleArrays.create(
            folder,
            samples=samples,
            chunk=chunk,
            fields=statistics_fields(widths, peaks=peaks),
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
        return self._arrays.samples

    def chunks(self) -> list[slice]:
        """The rows of each chunk, in order."""
        return list(self._arrays.chunks())

    def read(self, name: str, rows: slice = slice(None)) -> tuple[Activations, Activations]:
        """Rows of one input's statistics, safe and unsafe.

        Raises:
            KeyError: the input was not captured.
            DamagedArtifactError: stored bytes are not those that were written.
        """
        array, place = self._places[name]
        stored = torch.from_numpy(self._arrays.read(array, (rows, place)))
        safe, unsafe = (Activations(*stored[:, part].unbind(1)) for part in range(len(PARTITIONS)))
        return safe, unsafe

    def fill(
        self,
        load: Callable[[str, slice], Tensor],
        observe: Callable[[Tensor], Observed],
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """Observe and write every missing chunk, see `SampleArrays.fill`.

        Args:
            load: a partition and its rows, to inputs.
            observe: inputs to what was observed of them.
        """

        def compute(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
            return self._stacked({part: observe(inputs[part]) for part in PARTITIONS})

        def to_arrays(found: dict[str, Tensor]) -> dict[str, Array]:
            return {name: values.cpu().numpy() for name, values in found.items()}

        self._arrays.fill(
            lambda rows: {part: load(part, rows) for part in PARTITIONS},
            compute,
            to_arrays,
            progress,
        )

    def _stacked(self, observed: Mapping[str, Observed]) -> dict[str, Tensor]:
        """One tensor per stored array, on the device that observed."""
        stacked: dict[str, Tensor] = {}
        for name, (array, place) in self._places.items():
            for part, partition in enumerate(PARTITIONS):
                for statistic, values in enumerate(observed[partition][name].known):
                    if array not in stacked:
                        shape = (len(values), *self._arrays.shape(array)[1:])
                        stacked[array] = values.new_empty(shape)
                    stacked[array][:, place, part, statistic] = values
        return stacked
