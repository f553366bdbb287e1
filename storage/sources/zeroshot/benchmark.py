"""The 17 sets of the paper: where their official layouts lie, and who reads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from storage.sources.source import Source
from storage.sources.zeroshot import cifar, folders, lists, mat, prompts
from storage.sources.zeroshot.labelled import Pictures, checked, labelled_source
from uwm.config import BenchmarkSet, BenchmarkZeroShot, Protocol
from uwm.errors import MissingSetError, SourceError


class Layout(NamedTuple):
    """An official layout.

    Attributes:
        read: the reader of a folder that holds it.
        top: the archive's own top folder; a folder may also be given from within it.
        wanted: what lies there, for a message and docs/zeroshot.md.
        needs: paths below the folder without which it is not there.
        known: a further test of the folder, where paths do not tell.
        aliases: what the folder around it is called elsewhere; the set's own name goes without
            saying.
    """

    read: Callable[[Path, Protocol], Pictures]
    top: str
    wanted: str
    needs: tuple[str, ...] = ()
    known: Callable[[Path], bool] = Path.is_dir
    aliases: tuple[str, ...] = ()


LAYOUTS: dict[BenchmarkSet, Layout] = {
    "imagenet": Layout(
        folders.imagenet,
        "val",
        "imagenet/val/n01440764/*.JPEG",
        known=folders.has_synsets,
        aliases=("ImageNet",),
    ),
    "imagenet-v2": Layout(
        folders.imagenet_v2,
        "imagenetv2-matched-frequency-format-val",
        "imagenetv2-matched-frequency-format-val/0/*.jpeg to 999/*.jpeg",
        known=folders.has_numbers,
        aliases=("ImageNetV2",),
    ),
    "imagenet-a": Layout(
        folders.imagenet_subset,
        "imagenet-a",
        "imagenet-a/n01498041/*.jpg",
        known=folders.has_synsets,
        aliases=("ImageNetA",),
    ),
    "imagenet-r": Layout(
        folders.imagenet_subset,
        "imagenet-r",
        "imagenet-r/n01443537/*.jpg",
        known=folders.has_synsets,
        aliases=("ImageNetR",),
    ),
    "imagenet-sketch": Layout(
        folders.imagenet,
        "sketch",
        "imagenet-sketch/sketch/n01440764/*.JPEG",
        known=folders.has_synsets,
        aliases=("ImageNetSketch",),
    ),
    "caltech101": Layout(
        folders.caltech101,
        "101_ObjectCategories",
        "caltech101/101_ObjectCategories/accordion/*.jpg",
        needs=("accordion",),
        aliases=("caltech-101",),
    ),
    "cifar10": Layout(
        cifar.cifar10,
        "cifar-10-batches-py",
        "cifar-10-batches-py/test_batch and batches.meta",
        needs=("test_batch", "batches.meta"),
    ),
    "cifar100": Layout(
        cifar.cifar100,
        "cifar-100-python",
        "cifar-100-python/test and meta",
        needs=("test", "meta"),
    ),
    "dtd": Layout(
        lists.dtd,
        "dtd",
        "dtd/images/banded/*.jpg, dtd/labels/test1.txt to test10.txt",
        needs=("images", "labels/test1.txt"),
        aliases=("DTD", "DTD/dtd", "dtd/dtd"),
    ),
    "eurosat": Layout(
        folders.eurosat,
        "2750",
        "eurosat/2750/AnnualCrop/*.jpg",
        needs=("AnnualCrop",),
        aliases=("EuroSAT", "EuroSAT/eurosat"),
    ),
    "fgvc-aircraft": Layout(
        lists.fgvc_aircraft,
        "fgvc-aircraft-2013b/data",
        "fgvc-aircraft-2013b/data/images/*.jpg, variants.txt, images_variant_test.txt",
        needs=("images", "variants.txt", "images_variant_test.txt"),
        aliases=("FGVCAircraft",),
    ),
    "flowers102": Layout(
        mat.flowers102,
        "flowers-102",
        "flowers-102/jpg/image_00001.jpg, imagelabels.mat, setid.mat",
        needs=("jpg", "imagelabels.mat", "setid.mat"),
    ),
    "food101": Layout(
        lists.food101,
        "food-101",
        "food-101/images/apple_pie/*.jpg, meta/classes.txt, meta/test.txt",
        needs=("images", "meta/classes.txt", "meta/test.txt"),
        aliases=("Food",),
    ),
    "oxford-pets": Layout(
        lists.oxford_pets,
        "oxford-iiit-pet",
        "oxford-iiit-pet/images/*.jpg, annotations/test.txt",
        needs=("images", "annotations/test.txt"),
        aliases=("OxfordPets",),
    ),
    "stanford-cars": Layout(
        mat.stanford_cars,
        "stanford_cars",
        "stanford_cars/cars_test/*.jpg, cars_test_annos_withlabels.mat, devkit/cars_meta.mat",
        needs=("cars_test", "cars_test_annos_withlabels.mat", "devkit/cars_meta.mat"),
        aliases=("StanfordCars",),
    ),
    "sun397": Layout(
        folders.sun397,
        "SUN397",
        "SUN397/a/abbey/*.jpg, ClassName.txt",
        needs=("ClassName.txt",),
        aliases=("Sun397",),
    ),
    "ucf101": Layout(
        lists.ucf101,
        "UCF101",
        "UCF101/UCF-101/Archery/*.avi, "
        "UCF101/ucfTrainTestlist/classInd.txt and testlist01.txt to testlist03.txt",
        needs=("UCF-101", "ucfTrainTestlist/classInd.txt", "ucfTrainTestlist/testlist01.txt"),
    ),
}


def benchmark_zeroshot(config: BenchmarkZeroShot) -> Source:
    """One of the 17 sets, with the names, templates and samples of its protocol.

    Raises:
        MissingSetError: none of the places where it may lie holds it.
        SourceError: it is there, and malformed.
    """
    layout = LAYOUTS[config.set]
    folder = _located(config, layout)
    try:
        found = layout.read(folder, config.protocol)
    except OSError as error:
        raise SourceError(f"{config.set} in {folder} cannot be read: {error}") from error
    checked(found, folder, f"{layout.wanted} of two or more classes")
    return labelled_source(
        found,
        prompts.class_names(config.set, config.protocol, found.classes),
        prompts.templates(config.set, config.protocol),
        official=prompts.pictures(config.set, config.protocol),
    )


def _located(config: BenchmarkZeroShot, layout: Layout) -> Path:
    for around in (config.set, *layout.aliases, "."):
        for top in (layout.top, "."):
            folder = config.root / around / top
            if layout.known(folder) and all((folder / path).exists() for path in layout.needs):
                return folder
    raise MissingSetError(f"{config.set} is not in {config.root}; it should hold {layout.wanted}")
