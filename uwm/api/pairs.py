"""Calibration or benchmark pairs in memory: pictures and strings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from uwm import shipped
from uwm.backbones.backbone import Backbone
from uwm.backbones.geometry import PixelTransform
from uwm.errors import InputError, PairingError, SourceError
from uwm.families import Tower
from uwm.metrics.items import Items
from uwm.partitions import Partition

_IMAGES = ("safe_image", "unsafe_image")
_TEXTS = ("safe_text", "unsafe_text")


@dataclass(frozen=True)
class Pairs:
    """Quadruples: row i of all four sequences belongs together.

    Attributes:
        safe_images, unsafe_images: PIL pictures of any mode and size.
        safe_texts, unsafe_texts: strings.
        concepts: what is unsafe about each row; only methods that score a part of the pairs and
            your own tables need it.
        ids: a name for each row, its number by default.

    Raises:
        PairingError: the sequences differ in length, or there is no row.

    Example:
        >>> from PIL import Image
        >>> import uwm
        >>> black, white = Image.new("RGB", (32, 32)), Image.new("RGB", (32, 32), "white")
        >>> pairs = uwm.Pairs([white], [black], ["a white square"], ["a black square"])
        >>> len(pairs)
        1
    """

    safe_images: Sequence[Image.Image]
    unsafe_images: Sequence[Image.Image]
    safe_texts: Sequence[str]
    unsafe_texts: Sequence[str]
    concepts: Sequence[str] = ()
    ids: Sequence[str] = ()

    def __post_init__(self) -> None:
        rows = len(self.safe_images)
        if not self.concepts:
            object.__setattr__(self, "concepts", [""] * rows)
        if not self.ids:
            object.__setattr__(self, "ids", [str(row) for row in range(rows)])
        lengths = {name: len(values) for name, values in self._columns().items()}
        if len(set(lengths.values())) > 1 or not rows:
            found = ", ".join(f"{length} {name}" for name, length in lengths.items())
            raise PairingError(
                f"safe and unsafe pair row by row, in one row or more; got {found}. Drop rows that "
                "have no partner first."
            )

    @classmethod
    def read(cls, table: str | Path, limit: int | None = None) -> Pairs:
        """The first `limit` quadruples of a Parquet table, all of them by default.

        Args:
            table: with the columns `safe_text`, `unsafe_text`, `safe_image` and `unsafe_image`,
                and perhaps `concept` and `id`. Pictures are the bytes of PNG, JPEG or WebP files,
                or paths relative to the table.

        Raises:
            SourceError: the table cannot be read or lacks a column, or a picture is unreadable.
        """
        import pandas as pd

        path = Path(table)
        try:
            rows = pd.read_parquet(path)[:limit]
        except (OSError, ValueError) as error:
            raise SourceError(f"{path} is not a readable Parquet table: {error}") from error
        if missing := [name for name in (*_IMAGES, *_TEXTS) if name not in rows]:
            raise SourceError(
                f"a table of pairs has the columns {', '.join((*_IMAGES, *_TEXTS))}; {path} lacks "
                f"{', '.join(missing)}"
            )
        safe, unsafe = (
            [_picture(cell, path, row, name) for row, cell in enumerate(rows[name])]
            for name in _IMAGES
        )
        safe_texts, unsafe_texts = ([str(text) for text in rows[name]] for name in _TEXTS)
        concepts, ids = (
            [str(value) for value in rows[name]] if name in rows else []
            for name in ("concept", "id")
        )
        return cls(safe, unsafe, safe_texts, unsafe_texts, concepts, ids)

    @classmethod
    def demo(cls, split: str = "calibration", limit: int | None = None) -> Pairs:
        """The first `limit` pairs of a set that ships with the project.

        Args:
            split: `calibration`, `validation`, `test` or `test_second_style`.

        Raises:
            InputError: there is no such set.

        Example:
            >>> import uwm
            >>> uwm.Pairs.demo("test", limit=2).unsafe_texts[0]
            'an angry bear holding a bomb in the garden'
        """
        if split not in shipped.PAIR_SETS:
            raise InputError(
                f"the demo has the pairs {', '.join(shipped.PAIR_SETS)}; got {split!r}"
            )
        return cls.read(shipped.PAIR_SETS[split], limit)

    def __len__(self) -> int:
        return len(self.safe_images)

    def __getitem__(self, rows: slice) -> Pairs:
        """Some of the rows, as pairs of their own."""
        return Pairs(*(values[rows] for values in self._columns().values()))

    def items(self) -> Items:
        """Which rows have the same picture, pixel by pixel, or the same text."""
        return Items.of(
            {
                side: [_picture_digest(picture) for picture in pictures]
                for side, pictures in (("safe", self.safe_images), ("unsafe", self.unsafe_images))
            },
            {"safe": self.safe_texts, "unsafe": self.unsafe_texts},
        )

    def inputs(self, backbone: Backbone, tower: Tower, partition: Partition) -> Tensor:
        """What a tower reads of one partition.

        Returns:
            For the image tower uint8 pixels (pairs, 3, height, width); for the text tower token
            ids (pairs, context).
        """
        if tower == "image":
            transform = PixelTransform(backbone.geometry)
            pictures = self.safe_images if partition == "safe" else self.unsafe_images
            return backbone.staged(np.stack([transform(picture) for picture in pictures]))
        return backbone.tokenize(
            list(self.safe_texts if partition == "safe" else self.unsafe_texts)
        )

    def _columns(self) -> Mapping[str, Sequence[Any]]:
        return {
            "safe images": self.safe_images,
            "unsafe images": self.unsafe_images,
            "safe texts": self.safe_texts,
            "unsafe texts": self.unsafe_texts,
            "concepts": self.concepts,
            "ids": self.ids,
        }


def _picture_digest(picture: Image.Image) -> str:
    pixels = picture.convert("RGBA")
    return hashlib.sha256(f"{pixels.size}".encode() + pixels.tobytes()).hexdigest()


def _picture(cell: object, table: Path, row: int, column: str) -> Image.Image:
    """The picture in a cell, fully decoded."""
    file = BytesIO(cell) if isinstance(cell, bytes) else table.parent / str(cell)
    try:
        picture = Image.open(file, formats=("PNG", "JPEG", "WEBP"))
        picture.load()
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise SourceError(
            f"row {row} of {table} has no readable PNG, JPEG or WebP picture in {column}: {error}"
        ) from error
    return picture
