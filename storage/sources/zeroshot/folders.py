"""Layouts with a folder of pictures per class."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

from storage.files.listing import is_hidden
from storage.files.pictures import FORMATS
from storage.sources.readers import reads
from storage.sources.source import Source, files
from storage.sources.zeroshot.beside import names_of, templates_of
from storage.sources.zeroshot.imagenet import class_names
from storage.sources.zeroshot.labelled import (
    Pictures,
    checked,
    in_order,
    labelled_source,
    own_names,
)
from storage.sources.zeroshot.layout import layout
from storage.sources.zeroshot.lists import read_lines
from uwm.config import FolderZeroShot, Protocol
from uwm.errors import SourceError

_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp"}
_SYNSET = re.compile(r"n\d{8}")


@reads(FolderZeroShot)
def folder_zeroshot(config: FolderZeroShot) -> Source:
    found = class_folders(config.images, subfolders(config.images))
    wanted = (
        "two or more subfolders, one per class and named as the class, "
        f"with pictures ({', '.join(FORMATS)}) in them"
    )
    checked(found, config.images, wanted)
    given = names_of(config, config.images)
    if given is not None and config.classes is None and not all(map(str.isdecimal, found.classes)):
        given = None  # names beside the data are those of numbers
    names = own_names(found.classes, given, str(config.images))
    return labelled_source(found, names, templates_of(config, config.images))


def subfolders(root: Path) -> list[str]:
    """The names of a folder's own folders, hidden ones apart, in order."""
    names = [path.name for path in root.iterdir() if path.is_dir() and not is_hidden(path.name)]
    return in_order(names)


def class_folders(
    root: Path, labels: Iterable[str], label_of: Callable[[str], str] = str
) -> Pictures:
    """The pictures below `root`, in a folder per label; other files are counted as left out.

    Args:
        labels: folders relative to `root`.
        label_of: a folder to its label.
    """
    labels = list(labels)
    references, of, others = [], [], 0
    for label in labels:
        for path in sorted((root / label).iterdir()):
            if is_hidden(path.name):
                continue
            if path.suffix.lower() in _SUFFIXES:
                references.append(f"{label}/{path.name}")
                of.append(label_of(label))
            elif path.is_file():
                others += 1
    return Pictures(
        references=references,
        labels=of,
        classes=[label_of(label) for label in labels],
        read=files(root),
        excluded={"not a picture by its suffix": others} if others else {},
    )


def has_synsets(folder: Path) -> bool:
    """Whether a folder holds folders named by WordNet ids."""
    return folder.is_dir() and any(map(_SYNSET.fullmatch, subfolders(folder)))


def has_numbers(folder: Path) -> bool:
    """Whether a folder holds the folder `0`, as ImageNet-V2 does."""
    return (folder / "0").is_dir()


@layout(
    "imagenet",
    top="val",
    wanted="imagenet/val/n01440764/*.JPEG",
    known=has_synsets,
    aliases=("ImageNet",),
)
@layout(
    "imagenet-sketch",
    top="sketch",
    wanted="imagenet-sketch/sketch/n01440764/*.JPEG",
    known=has_synsets,
    aliases=("ImageNetSketch",),
)
def imagenet(folder: Path, protocol: Protocol) -> Pictures:
    """ImageNet and its Sketch: folders by WordNet id, classified among all 1,000 classes."""
    return _synset_folders(folder, whole=True)


@layout(
    "imagenet-a",
    top="imagenet-a",
    wanted="imagenet-a/n01498041/*.jpg",
    known=has_synsets,
    aliases=("ImageNetA",),
)
@layout(
    "imagenet-r",
    top="imagenet-r",
    wanted="imagenet-r/n01443537/*.jpg",
    known=has_synsets,
    aliases=("ImageNetR",),
)
def imagenet_subset(folder: Path, protocol: Protocol) -> Pictures:
    """ImageNet-A and -R: folders by WordNet id, classified among the 200 that there are."""
    return _synset_folders(folder, whole=False)


@layout(
    "imagenet-v2",
    top="imagenetv2-matched-frequency-format-val",
    wanted="imagenetv2-matched-frequency-format-val/0/*.jpeg to 999/*.jpeg",
    known=has_numbers,
    aliases=("ImageNetV2",),
)
def imagenet_v2(folder: Path, protocol: Protocol) -> Pictures:
    """ImageNet-V2: folders 0 to 999 are positions in ImageNet's order, read as numbers.

    Raises:
        SourceError: a folder is called something else.
    """
    synsets = _synsets()
    names = subfolders(folder)
    if strange := [name for name in names if not name.isdecimal() or int(name) >= len(synsets)]:
        raise SourceError(
            f"the folders of ImageNet-V2 are called 0 to {len(synsets) - 1}; {folder} has "
            f"{strange[0]!r}. Move it away."
        )
    found = class_folders(folder, names, lambda name: synsets[int(name)])
    return Pictures(found.references, found.labels, synsets, found.read, excluded=found.excluded)


@layout(
    "caltech101",
    top="101_ObjectCategories",
    wanted="caltech101/101_ObjectCategories/accordion/*.jpg",
    needs=("accordion",),
    aliases=("caltech-101",),
)
def caltech101(folder: Path, protocol: Protocol) -> Pictures:
    """Every picture of Caltech101; the folder of backgrounds is not a class."""
    return class_folders(
        folder, [name for name in subfolders(folder) if name != "BACKGROUND_Google"]
    )


@layout(
    "eurosat",
    top="2750",
    wanted="eurosat/2750/AnnualCrop/*.jpg",
    needs=("AnnualCrop",),
    aliases=("EuroSAT", "EuroSAT/eurosat"),
)
def eurosat(folder: Path, protocol: Protocol) -> Pictures:
    """Every picture of EuroSAT, which has no official split."""
    return class_folders(folder, subfolders(folder))


@layout(
    "sun397",
    top="SUN397",
    wanted="SUN397/a/abbey/*.jpg, ClassName.txt",
    needs=("ClassName.txt",),
    aliases=("Sun397",),
)
def sun397(folder: Path, protocol: Protocol) -> Pictures:
    """Every picture of SUN397. `ClassName.txt` lists the folders, such as `/a/abbey`.

    Raises:
        SourceError: it lists something else.
    """
    listed = [line.strip("/") for line in read_lines(folder / "ClassName.txt")]
    if strange := [name for name in listed if "/" not in name or ".." in name.split("/")]:
        raise SourceError(
            f"ClassName.txt lists folders such as /a/abbey; the one of {folder} has {strange[0]!r}"
        )
    present = [name for name in listed if (folder / name).is_dir()]
    found = class_folders(folder, present, lambda name: name.partition("/")[2])
    classes = [name.partition("/")[2] for name in listed]
    return Pictures(found.references, found.labels, classes, found.read, excluded=found.excluded)


def _synset_folders(folder: Path, *, whole: bool) -> Pictures:
    synsets = _synsets()
    names = subfolders(folder)
    if strange := sorted(set(names) - set(synsets)):
        raise SourceError(
            "an ImageNet folder has one folder per class, named by its WordNet id; "
            f"{strange[0]!r} in {folder} is none of the 1,000. Move it away."
        )
    found = class_folders(folder, names)
    classes = synsets if whole else found.classes
    return Pictures(found.references, found.labels, classes, found.read, excluded=found.excluded)


def _synsets() -> list[str]:
    return list(class_names())
