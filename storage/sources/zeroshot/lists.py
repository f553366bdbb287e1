"""Layouts whose splits are text files that list pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from storage.files.videos import middle_frame, require_decoder
from storage.sources.source import files
from storage.sources.zeroshot.labelled import Pictures
from storage.sources.zeroshot.layout import layout
from uwm.config import Protocol
from uwm.errors import SourceError

_MAX_LIST = 64 << 20
_UCF_FOLDS = (1, 2, 3)


def read_lines(path: Path) -> list[str]:
    """A text file's lines, stripped, empty ones left out.

    Raises:
        SourceError: it cannot be read, is not a text, or is larger than any list is.
    """
    try:
        if not path.is_file():  # nor a pipe, which would never end
            path.stat()
            raise SourceError(f"{path} is not a file")
        if path.stat().st_size > _MAX_LIST:
            raise SourceError(f"{path} is larger than {_MAX_LIST} bytes; that is not a list")
        return [
            line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()
        ]
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path} is not a readable text file: {error}") from error


@layout(
    "dtd",
    top="dtd",
    wanted="dtd/images/banded/*.jpg, dtd/labels/test1.txt to test10.txt",
    needs=("images", "labels/test1.txt"),
    aliases=("DTD", "DTD/dtd", "dtd/dtd"),
)
def dtd(folder: Path, protocol: Protocol) -> Pictures:
    """DTD: the test lists of all ten partitions under `paper`, of the first under `standard`.

    A picture stands in several lists, and counts once for each.
    """
    partitions = range(1, 11) if protocol == "paper" else (1,)
    listed = [
        name
        for partition in partitions
        for name in read_lines(folder / "labels" / f"test{partition}.txt")
    ]
    labels = [_split(name, "/", "CLASS/PICTURE", folder)[0] for name in listed]
    return listed_pictures(folder / "images", listed, labels, sorted(set(labels)))


@layout(
    "fgvc-aircraft",
    top="fgvc-aircraft-2013b/data",
    wanted="fgvc-aircraft-2013b/data/images/*.jpg, variants.txt, images_variant_test.txt",
    needs=("images", "variants.txt", "images_variant_test.txt"),
    aliases=("FGVCAircraft",),
)
def fgvc_aircraft(folder: Path, protocol: Protocol) -> Pictures:
    """FGVC Aircraft: the test split, by variant."""
    pairs = [
        _split(line, " ", "PICTURE VARIANT", folder)
        for line in read_lines(folder / "images_variant_test.txt")
    ]
    variants = read_lines(folder / "variants.txt")
    return listed_pictures(
        folder / "images",
        [f"{name}.jpg" for name, _ in pairs],
        [variant for _, variant in pairs],
        variants,
    )


@layout(
    "food101",
    top="food-101",
    wanted="food-101/images/apple_pie/*.jpg, meta/classes.txt, meta/test.txt",
    needs=("images", "meta/classes.txt", "meta/test.txt"),
    aliases=("Food",),
)
def food101(folder: Path, protocol: Protocol) -> Pictures:
    """Food101: the test split."""
    names = read_lines(folder / "meta" / "test.txt")
    labels = [_split(name, "/", "CLASS/PICTURE", folder)[0] for name in names]
    classes = read_lines(folder / "meta" / "classes.txt")
    return listed_pictures(folder / "images", [f"{name}.jpg" for name in names], labels, classes)


@layout(
    "oxford-pets",
    top="oxford-iiit-pet",
    wanted="oxford-iiit-pet/images/*.jpg, annotations/test.txt",
    needs=("images", "annotations/test.txt"),
    aliases=("OxfordPets",),
)
def oxford_pets(folder: Path, protocol: Protocol) -> Pictures:
    """Oxford-IIIT Pets: the test split, by breed, in the order of the breeds' numbers.

    Raises:
        SourceError: a line of the list has another form.
    """
    rows = [
        line.split()
        for line in read_lines(folder / "annotations" / "test.txt")
        if not line.startswith("#")
    ]
    if any(len(row) != 4 or not row[1].isdecimal() or "_" not in row[0] for row in rows):
        raise SourceError(
            f"each line of annotations/test.txt is BREED_NUMBER ID SPECIES BREED; {folder} has "
            "others"
        )
    breeds = {int(id): name.rpartition("_")[0] for name, id, _, _ in rows}
    return listed_pictures(
        folder / "images",
        [f"{row[0]}.jpg" for row in rows],
        [breeds[int(row[1])] for row in rows],
        [breeds[id] for id in sorted(breeds)],
    )


@layout(
    "ucf101",
    top="UCF101",
    wanted="UCF101/UCF-101/Archery/*.avi, "
    "UCF101/ucfTrainTestlist/classInd.txt and testlist01.txt to testlist03.txt",
    needs=("UCF-101", "ucfTrainTestlist/classInd.txt", "ucfTrainTestlist/testlist01.txt"),
)
def ucf101(folder: Path, protocol: Protocol) -> Pictures:
    """UCF101: the middle frame of each video of the three test lists, of the first for `standard`.

    Raises:
        SourceError: PyAV is not installed, or a list is malformed.
    """
    require_decoder()
    lists = folder / "ucfTrainTestlist"
    classes = [
        _split(line, " ", "NUMBER CLASS", folder)[1] for line in read_lines(lists / "classInd.txt")
    ]
    listed = [
        line.split()[0]
        for fold in (_UCF_FOLDS if protocol == "paper" else _UCF_FOLDS[:1])
        for line in read_lines(lists / f"testlist{fold:02d}.txt")
    ]
    labels = [_split(name, "/", "CLASS/VIDEO", folder)[0] for name in listed]
    videos = listed_pictures(folder / "UCF-101", listed, labels, classes)
    return Pictures(
        videos.references,
        videos.labels,
        videos.classes,
        read=lambda name: middle_frame(videos.read(name), name),
        fingerprint=videos.read,
        excluded=videos.excluded,
    )


def listed_pictures(
    root: Path, names: Sequence[str], labels: Sequence[str], classes: Sequence[str]
) -> Pictures:
    """The pictures `names` below `root` that are there; the others are counted as left out.

    Args:
        labels: of `names`, row by row.
        classes: every label that there is.

    Raises:
        SourceError: a name leads out of `root`, or a label is not a class.
    """
    if unknown := sorted(set(labels) - set(classes)):
        raise SourceError(
            f"{root.parent} lists pictures of {unknown[0]!r}, which is not a class of it"
        )
    whole = root.resolve()
    present = []
    for name, label in zip(names, labels, strict=True):
        path = (root / name).resolve()
        if not path.is_relative_to(whole):
            raise SourceError(f"listed files lie below {root}; {name!r} leads out of it")
        if path.is_file():
            present.append((name, label))
    missing = len(names) - len(present)
    return Pictures(
        references=[name for name, _ in present],
        labels=[label for _, label in present],
        classes=classes,
        read=files(root),
        excluded={"listed but not there": missing} if missing else {},
    )


def _split(line: str, by: str, form: str, folder: Path) -> tuple[str, str]:
    first, found, rest = line.partition(by)
    if not found:
        raise SourceError(f"the lists of {folder} have lines such as {form}; got {line!r}")
    return first, rest.strip()
