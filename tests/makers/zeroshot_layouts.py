"""Miniatures of the 17 official layouts: a few classes, a few tiny pictures."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image
from scipy.io import savemat

from uwm.config import BenchmarkSet

Array = np.ndarray[Any, Any]


def picture(path: Path, color: int = 0) -> Path:
    """A picture of 4x4 pixels, in the format that the suffix says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4), (color % 256, 0, 0)).save(path, "JPEG")
    return path


def text(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def synsets(folder: Path, names: Sequence[str], suffix: str = "JPEG") -> None:
    for color, name in enumerate(names):
        picture(folder / name / f"one.{suffix}", color)


def imagenet_v2(root: Path) -> None:
    synsets(root / "imagenetv2-matched-frequency-format-val", ["0", "2", "10"], "jpeg")


def caltech101(root: Path) -> None:
    folder = root / "caltech101" / "101_ObjectCategories"
    for name in ("accordion", "Faces_easy", "BACKGROUND_Google"):
        picture(folder / name / "image_0001.jpg")
    text(folder / "BACKGROUND_Google" / "tmp", "no picture")


@dataclass(frozen=True)
class Wide:
    """Text as Python 2's `unicode`."""

    text: str


class Python2:
    """Pickles as Python 2 wrote them: byte strings, which Python 3 cannot write any more."""

    def __init__(self) -> None:
        self.out = io.BytesIO()
        self.out.write(b"\x80\x02")

    def dump(self, value: object) -> bytes:
        self.put(value)
        return self.out.getvalue() + b"."

    def put(self, value: object) -> None:
        match value:
            case str() | bytes():
                content = value.encode("latin1") if isinstance(value, str) else value
                self.out.write(b"T" + struct.pack("<i", len(content)) + content)
            case Wide(text=text):
                content = text.encode()
                self.out.write(b"X" + struct.pack("<i", len(content)) + content)
            case bool():
                self.out.write(b"\x88" if value else b"\x89")
            case int():
                self.out.write(b"J" + struct.pack("<i", value))
            case list():
                self.out.write(b"](")
                for item in value:
                    self.put(item)
                self.out.write(b"e")
            case tuple():
                self.out.write(b"(")
                for item in value:
                    self.put(item)
                self.out.write(b"t")
            case dict():
                self.out.write(b"}(")
                for pair in value.items():
                    for item in pair:
                        self.put(item)
                self.out.write(b"u")
            case None:
                self.out.write(b"N")
            case np.ndarray():
                self.array(value.shape, "u1", False, value.tobytes())

    def array(self, shape: object, kind: str, fortran: bool, content: object) -> None:
        """An array of this state, whether or not there can be one."""
        self.call("numpy.core.multiarray", "_reconstruct")
        self.out.write(b"(cnumpy\nndarray\n")
        self.put((0,))
        self.put("b")
        self.out.write(b"tR(")
        self.put(1)
        self.put(shape)
        self.out.write(b"cnumpy\ndtype\n")
        self.put((kind, 0, 1))
        self.out.write(b"R")
        self.put((3, "|", None, None, None, -1, -1, 0))
        self.out.write(b"b")
        self.put(fortran)
        self.put(content)
        self.out.write(b"tb")

    def call(self, module: str, name: str) -> None:
        self.out.write(f"c{module}\n{name}\n".encode())


CIFAR_PIXELS: Array = np.random.default_rng(0).integers(0, 256, (5, 3072), dtype=np.uint8)


def cifar10(root: Path) -> None:
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    batch = {"batch_label": "testing", "labels": [0, 2, 1, 1, 2], "data": CIFAR_PIXELS}
    (folder / "test_batch").write_bytes(Python2().dump(batch))
    meta = {"num_cases_per_batch": 5, "label_names": ["airplane", "bird", "cat"], "num_vis": 3072}
    (folder / "batches.meta").write_bytes(Python2().dump(meta))


def cifar100(root: Path) -> None:
    folder = root / "cifar-100-python"
    folder.mkdir(parents=True)
    batch = {"fine_labels": [0, 1, 1, 0, 1], "coarse_labels": [0] * 5, "data": CIFAR_PIXELS}
    (folder / "test").write_bytes(Python2().dump(batch))
    meta = {"fine_label_names": ["apple", "aquarium_fish"], "coarse_label_names": ["fish"]}
    (folder / "meta").write_bytes(Python2().dump(meta))


def dtd(root: Path) -> None:
    names = ("banded/banded_1.jpg", "dotted/dotted_1.jpg", "dotted/dotted_2.jpg")
    for color, name in enumerate(names):
        picture(root / "dtd" / "images" / name, color)
    for partition in range(1, 11):
        text(root / "dtd" / "labels" / f"test{partition}.txt", *names[: 2 + partition % 2])


def eurosat(root: Path) -> None:
    for name in ("AnnualCrop", "SeaLake"):
        picture(root / "eurosat" / "2750" / name / f"{name}_1.jpg")


def fgvc_aircraft(root: Path) -> None:
    data = root / "fgvc-aircraft-2013b" / "data"
    for name in ("0000001", "0000002"):
        picture(data / "images" / f"{name}.jpg")
    text(data / "variants.txt", "707-320", "F-16A/B", "BAE 146-200")
    text(data / "images_variant_test.txt", "0000001 BAE 146-200", "0000002 707-320")


def flowers102(root: Path) -> None:
    folder = root / "flowers-102"
    for number in (2, 4):
        picture(folder / "jpg" / f"image_{number:05d}.jpg")
    savemat(folder / "imagelabels.mat", {"labels": np.array([[1, 77, 3, 102]], np.uint8)})
    savemat(folder / "setid.mat", {"trnid": [[1]], "valid": [[3]], "tstid": [[2, 4]]})


def food101(root: Path) -> None:
    folder = root / "food-101"
    for name in ("apple_pie/1", "sushi/2"):
        picture(folder / "images" / f"{name}.jpg")
    text(folder / "meta" / "classes.txt", "apple_pie", "sushi")
    text(folder / "meta" / "test.txt", "sushi/2", "apple_pie/1")


def oxford_pets(root: Path) -> None:
    folder = root / "oxford-iiit-pet"
    for name in ("Abyssinian_201", "american_bulldog_10"):
        picture(folder / "images" / f"{name}.jpg")
    text(
        folder / "annotations" / "test.txt",
        *("american_bulldog_10 2 2 1", "Abyssinian_201 1 1 1"),
    )


def stanford_cars(root: Path) -> None:
    folder = root / "stanford_cars"
    (folder / "devkit").mkdir(parents=True)
    for name in ("00001.jpg", "00002.jpg"):
        picture(folder / "cars_test" / name)
    names = np.array(["AM General Hummer SUV 2000", "Acura RL Sedan 2012"], dtype=object)
    savemat(folder / "devkit" / "cars_meta.mat", {"class_names": names})
    fields = [("bbox_x1", object), ("class", object), ("fname", object)]
    rows = [(1, 2, "00001.jpg"), (3, 1, "00002.jpg")]
    annotations = np.array(rows, dtype=fields)
    savemat(folder / "cars_test_annos_withlabels.mat", {"annotations": annotations})


def sun397(root: Path) -> None:
    names = ("a/abbey", "a/apartment_building/outdoor")
    for name in names:
        picture(root / "SUN397" / name / "sun_aaa.jpg")
    text(root / "SUN397" / "ClassName.txt", *(f"/{name}" for name in names))


def video(path: Path, frames: int) -> Path:
    """An AVI video in MPEG-4 as UCF101's; frame i of 25 is a grey of 10 * i."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("mpeg4", rate=25, options={"qscale": "1"})
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        for position in range(frames):
            pixels = np.full((32, 32, 3), 10 * (position % 25), np.uint8)
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


def ucf101(root: Path) -> None:
    folder = root / "UCF101"
    names = [f"{name}/v_{name}_g0{i}_c01.avi" for i in (1, 2, 3) for name in ("Archery", "YoYo")]
    for position, name in enumerate(names):
        video(folder / "UCF-101" / name, frames=5 + position)
    text(folder / "ucfTrainTestlist" / "classInd.txt", "1 Archery", "2 ApplyEyeMakeup", "3 YoYo")
    for fold in (1, 2, 3):
        text(
            folder / "ucfTrainTestlist" / f"testlist{fold:02d}.txt",
            *names[2 * fold - 2 : 2 * fold],
        )


WRITERS: dict[BenchmarkSet, Callable[[Path], None]] = {
    "imagenet": lambda root: synsets(root / "imagenet" / "val", ["n01440764", "n01443537"]),
    "imagenet-v2": imagenet_v2,
    "imagenet-a": lambda root: synsets(root / "imagenet-a", ["n01498041", "n01531178"], "jpg"),
    "imagenet-r": lambda root: synsets(root / "imagenet-r", ["n01443537", "n01484850"], "jpg"),
    "imagenet-sketch": lambda root: synsets(
        root / "imagenet-sketch" / "sketch", ["n01440764", "n15075141"]
    ),
    "caltech101": caltech101,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "dtd": dtd,
    "eurosat": eurosat,
    "fgvc-aircraft": fgvc_aircraft,
    "flowers102": flowers102,
    "food101": food101,
    "oxford-pets": oxford_pets,
    "stanford-cars": stanford_cars,
    "sun397": sun397,
    "ucf101": ucf101,
}
"""What writes a miniature of each set below a folder."""
