"""Layouts whose labels are in MATLAB files."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from storage.sources.zeroshot.labelled import Pictures
from storage.sources.zeroshot.layout import layout
from storage.sources.zeroshot.lists import listed_pictures
from uwm.config import Protocol
from uwm.errors import SourceError, install

MAX_FILE = 1 << 20
"""Bytes of a MATLAB file: the largest of these is 0.2 MB, and its content may be compressed."""


@layout(
    "flowers102",
    top="flowers-102",
    wanted="flowers-102/jpg/image_00001.jpg, imagelabels.mat, setid.mat",
    needs=("jpg", "imagelabels.mat", "setid.mat"),
)
def flowers102(folder: Path, protocol: Protocol) -> Pictures:
    """Flowers102: the test split; labels are numbers from 1.

    Raises:
        SourceError: the MATLAB files do not hold what they should.
    """
    try:
        labels = [str(int(label)) for label in read_mat(folder / "imagelabels.mat")["labels"]]
        test = [int(number) for number in read_mat(folder / "setid.mat")["tstid"]]
        chosen = [labels[_from_one(number)] for number in test]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise SourceError(
            f"{folder} should hold `labels` in imagelabels.mat and `tstid` in setid.mat, numbers "
            f"from 1; got {error!r}"
        ) from error
    names = [f"image_{number:05d}.jpg" for number in test]
    return listed_pictures(folder / "jpg", names, chosen, [str(n) for n in range(1, 103)])


@layout(
    "stanford-cars",
    top="stanford_cars",
    wanted="stanford_cars/cars_test/*.jpg, cars_test_annos_withlabels.mat, devkit/cars_meta.mat",
    needs=("cars_test", "cars_test_annos_withlabels.mat", "devkit/cars_meta.mat"),
    aliases=("StanfordCars",),
)
def stanford_cars(folder: Path, protocol: Protocol) -> Pictures:
    """Stanford Cars: the test split, from the annotations that say its labels.

    Raises:
        SourceError: the MATLAB files do not hold what they should.
    """
    try:
        names = [str(name) for name in read_mat(folder / "devkit" / "cars_meta.mat")["class_names"]]
        annotations = read_mat(folder / "cars_test_annos_withlabels.mat")["annotations"]
        pictures = [str(entry["fname"]) for entry in annotations]
        labels = [names[_from_one(entry["class"])] for entry in annotations]
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise SourceError(
            f"{folder} should hold `class_names` in devkit/cars_meta.mat, and `annotations` with "
            f"`fname` and `class` in cars_test_annos_withlabels.mat; got {error!r}"
        ) from error
    return listed_pictures(folder / "cars_test", pictures, labels, names)


def read_mat(path: Path) -> dict[str, Any]:
    """The variables of a MATLAB file (up to version 7); every array at least one-dimensional.

    Raises:
        SourceError: SciPy is not installed, or the file is not readable or too large.
    """
    if find_spec("scipy") is None:
        raise SourceError(
            f"{path.name} is a MATLAB file, and reading it needs SciPy; {install('zeroshot')}"
        )
    import numpy as np
    from scipy.io import loadmat

    if path.stat().st_size > MAX_FILE:
        raise SourceError(f"{path} is larger than {MAX_FILE} bytes; that is not a file of labels")
    try:
        found = loadmat(path, squeeze_me=True)
    except Exception as error:  # damaged bytes fail in many ways inside SciPy
        raise SourceError(f"{path} is not a readable MATLAB file: {error}") from error
    return {name: np.atleast_1d(value) for name, value in found.items() if name[:2] != "__"}


def _from_one(number: Any) -> int:
    position = int(number) - 1
    if position < 0:
        raise IndexError(f"{number}; numbers are from 1")
    return position
