"""Every set of the paper, read from a miniature of its official layout."""

from __future__ import annotations

import io
import shutil
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from storage.files.pictures import decode
from storage.sources import Source, content_digest, read_source
from storage.sources.zeroshot.layout import layouts
from storage.sources.zeroshot.prompts import pictures
from tests.makers.pair_layouts import elsewhere
from tests.makers.zeroshot_layouts import WRITERS
from uwm.config import BenchmarkSet, BenchmarkZeroShot, Protocol, benchmarks
from uwm.errors import MissingSetError, SourceError


class Held(NamedTuple):
    """What a miniature holds: classes, some names by position, labels counted as often as `times`,
    and the first prompt, per protocol."""

    classes: int
    names: dict[int, str]
    labels: dict[int, int]
    prompt: str


HELD: dict[tuple[BenchmarkSet, Protocol], Held] = {
    # 1,000 folders, of which two pairs share a name
    ("imagenet", "paper"): Held(998, {0: "tench"}, {0: 1, 1: 1}, "a photo of a tench."),
    ("imagenet", "standard"): Held(998, {1: "goldfish"}, {0: 1, 1: 1}, "a bad photo of a tench."),
    ("imagenet-v2", "paper"): Held(
        998, {10: "brambling"}, {0: 1, 2: 1, 10: 1}, "a photo of a tench."
    ),
    ("imagenet-a", "paper"): Held(
        2, {0: "stingray", 1: "goldfinch"}, {0: 1, 1: 1}, "a photo of a stingray."
    ),
    ("imagenet-r", "paper"): Held(
        2, {0: "goldfish", 1: "great white shark"}, {0: 1, 1: 1}, "a photo of a goldfish."
    ),
    ("imagenet-sketch", "paper"): Held(
        998, {997: "toilet paper"}, {0: 1, 997: 1}, "a photo of a tench."
    ),
    ("caltech101", "paper"): Held(
        2, {0: "Faces easy", 1: "accordion"}, {0: 1, 1: 1}, "a photo of a Faces easy."
    ),
    ("caltech101", "standard"): Held(
        2, {0: "centered face"}, {0: 1, 1: 1}, "a photo of a centered face."
    ),
    ("cifar10", "paper"): Held(
        3, {0: "airplane", 2: "cat"}, {0: 1, 1: 2, 2: 2}, "a photo of a airplane."
    ),
    ("cifar100", "paper"): Held(2, {1: "aquarium fish"}, {0: 2, 1: 3}, "a photo of a apple."),
    # ten lists: banded_1 and dotted_1 in each, dotted_2 in every second
    ("dtd", "paper"): Held(
        2, {0: "banded", 1: "dotted"}, {0: 10, 1: 15}, "a photo of a banded texture."
    ),
    ("dtd", "standard"): Held(2, {}, {0: 1, 1: 2}, "a photo of a banded texture."),
    ("eurosat", "paper"): Held(
        2,
        {0: "Annual Crop Land", 1: "Sea or Lake"},
        {0: 1, 1: 1},
        "a centered satellite photo of Annual Crop Land.",
    ),
    ("eurosat", "standard"): Held(
        2, {1: "lake or sea"}, {0: 1, 1: 1}, "a centered satellite photo of annual crop land."
    ),
    ("fgvc-aircraft", "paper"): Held(
        3, {1: "F-16A/B"}, {0: 1, 2: 1}, "a photo of a 707-320, a type of aircraft."
    ),
    ("flowers102", "paper"): Held(
        102,
        {76: "passion flower", 101: "blackberry lily", 15: "globe-flower"},
        {76: 1, 101: 1},
        "a photo of a pink primrose, a type of flower.",
    ),
    ("flowers102", "standard"): Held(
        102, {15: "globe flower"}, {76: 1, 101: 1}, "a photo of a pink primrose, a type of flower."
    ),
    ("food101", "paper"): Held(
        2, {0: "apple pie"}, {0: 1, 1: 1}, "a photo of apple pie, a type of food."
    ),
    ("oxford-pets", "paper"): Held(
        2, {1: "American Bulldog"}, {0: 1, 1: 1}, "a photo of a Abyssinian, a type of pet."
    ),
    ("oxford-pets", "standard"): Held(
        2, {1: "american bulldog"}, {0: 1, 1: 1}, "a photo of a Abyssinian, a type of pet."
    ),
    ("stanford-cars", "paper"): Held(
        2,
        {1: "Acura RL Sedan 2012"},
        {0: 1, 1: 1},
        "a photo of a AM General Hummer SUV 2000.",
    ),
    ("sun397", "paper"): Held(
        2, {1: "outdoor apartment building"}, {0: 1, 1: 1}, "a photo of a abbey."
    ),
    ("sun397", "standard"): Held(
        2, {1: "apartment building outdoor"}, {0: 1, 1: 1}, "a photo of a abbey."
    ),
    ("ucf101", "paper"): Held(
        3, {1: "ApplyEyeMakeup", 2: "YoYo"}, {0: 3, 2: 3}, "a video of Archery."
    ),
    ("ucf101", "standard"): Held(
        3, {1: "Apply Eye Makeup"}, {0: 1, 2: 1}, "a photo of a person Archery."
    ),
}


def benchmark(root: Path, name: BenchmarkSet, protocol: Protocol = "paper") -> BenchmarkZeroShot:
    return BenchmarkZeroShot(kind="benchmark", set=name, root=root, protocol=protocol)


def miniature(root: Path, name: BenchmarkSet, protocol: Protocol = "paper") -> Source:
    WRITERS[name](root)
    return read_source(benchmark(root, name, protocol))


def class_names(source: Source) -> list[str]:
    return source.classes.drop_duplicates("label")["name"].tolist()


@pytest.mark.parametrize(("name", "protocol"), list(HELD))
def test_an_official_layout_is_read(tmp_path: Path, name: BenchmarkSet, protocol: Protocol) -> None:
    source, held = miniature(tmp_path, name, protocol), HELD[name, protocol]
    names = class_names(source)
    assert len(names) == held.classes
    assert {position: names[position] for position in held.names} == held.names
    counted: Counter[int] = Counter()
    for label, times in source.rows[["label", "times"]].itertuples(index=False):
        counted[label] += times
    assert counted == held.labels
    assert source.texts["prompts"][0] == held.prompt
    assert len(source.texts) == len(source.classes)
    assert source.official == pictures(name, protocol)
    for reference in source.images["images"]:
        decode(elsewhere(source).read(reference), reference)
    assert content_digest(source) == content_digest(
        read_source(benchmark(tmp_path, name, protocol))
    )


def test_every_set_has_a_miniature_and_is_tested() -> None:
    assert set(WRITERS) == set(layouts()) == set(benchmarks()) == {key for key, _ in HELD}


@pytest.mark.parametrize("name", list(WRITERS))
def test_a_missing_set_says_what_is_wanted(tmp_path: Path, name: BenchmarkSet) -> None:
    for root in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(MissingSetError) as caught:
            read_source(benchmark(root, name))
        assert layouts()[name].wanted in str(caught.value)
        assert str(root) in str(caught.value)


def test_all_sets_lie_beside_each_other(tmp_path: Path) -> None:
    for write in WRITERS.values():
        write(tmp_path)
    for name in WRITERS:
        found = read_source(benchmark(tmp_path, name))
        assert len(class_names(found)) == HELD[name, "paper"].classes
        assert found.texts["prompts"][0] == HELD[name, "paper"].prompt


@pytest.mark.parametrize("name", list(WRITERS))
def test_the_set_s_own_folder_may_be_given(tmp_path: Path, name: BenchmarkSet) -> None:
    expected = miniature(tmp_path, name)
    top = tmp_path
    while len(children := [path for path in top.iterdir() if path.is_dir()]) == 1:
        top = children[0]
        if content_of(top, name) is not None:
            break
    assert top != tmp_path
    found = read_source(benchmark(top, name))
    assert content_digest(found) == content_digest(expected)


def content_of(folder: Path, name: BenchmarkSet) -> Source | None:
    try:
        return read_source(benchmark(folder, name))
    except MissingSetError:
        return None


def test_a_picture_that_is_listed_but_not_there_is_counted(tmp_path: Path) -> None:
    food = miniature(tmp_path, "food101")
    assert food.excluded == {}
    (tmp_path / "food-101" / "images" / "sushi" / "2.jpg").unlink()
    found = read_source(benchmark(tmp_path, "food101"))
    assert found.excluded == {"listed but not there": 1}
    assert len(found.rows) == 1


def test_a_list_cannot_lead_out_of_the_set(tmp_path: Path) -> None:
    miniature(tmp_path, "food101")
    (tmp_path / "food-101" / "secret.jpg").write_bytes(b"secret")
    (tmp_path / "food-101" / "meta" / "test.txt").write_text("sushi/../../secret\nsushi/2\n")
    with pytest.raises(SourceError, match="leads out of it"):
        read_source(benchmark(tmp_path, "food101"))


@pytest.mark.parametrize(
    ("name", "path", "content", "said"),
    [
        ("dtd", "dtd/labels/test1.txt", b"banded", "CLASS/PICTURE; got 'banded'"),
        ("dtd", "dtd/labels/test2.txt", b"\xff\xfe\x00", "not a readable text file"),
        ("food101", "food-101/meta/classes.txt", b"sushi", "'apple_pie', which is not a class"),
        (
            "oxford-pets",
            "oxford-iiit-pet/annotations/test.txt",
            b"Abyssinian_1 one",
            "BREED_NUMBER",
        ),
        ("sun397", "SUN397/ClassName.txt", b"/../secret", "such as /a/abbey"),
        ("flowers102", "flowers-102/setid.mat", b"no matlab", "not a readable MATLAB file"),
        ("cifar10", "cifar-10-batches-py/test_batch", b"no pickle", "not a readable CIFAR file"),
        ("ucf101", "UCF101/ucfTrainTestlist/classInd.txt", b"Archery", "NUMBER CLASS"),
    ],
)
def test_a_malformed_set_is_an_error_not_a_missing_set(
    tmp_path: Path, name: BenchmarkSet, path: str, content: bytes, said: str
) -> None:
    WRITERS[name](tmp_path)
    (tmp_path / path).write_bytes(content)
    with pytest.raises(SourceError, match=said) as caught:
        read_source(benchmark(tmp_path, name))
    assert not isinstance(caught.value, MissingSetError)


def test_a_set_without_one_of_its_files_is_malformed_or_missing(tmp_path: Path) -> None:
    WRITERS["dtd"](tmp_path)
    (tmp_path / "dtd" / "labels" / "test7.txt").unlink()
    with pytest.raises(SourceError, match=r"test7\.txt is not a readable text file"):
        read_source(benchmark(tmp_path, "dtd"))
    shutil.rmtree(tmp_path / "dtd" / "images")
    with pytest.raises(MissingSetError, match="dtd is not in"):
        read_source(benchmark(tmp_path, "dtd"))


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("imagenet", "imagenet/val/n00000000"),
        ("imagenet-a", "imagenet-a/notes"),
        ("imagenet-v2", "imagenetv2-matched-frequency-format-val/1000"),
    ],
)
def test_a_folder_that_is_no_class_of_imagenet_is_named(
    tmp_path: Path, name: BenchmarkSet, folder: str
) -> None:
    WRITERS[name](tmp_path)
    (tmp_path / folder).mkdir()
    with pytest.raises(SourceError, match=Path(folder).name):
        read_source(benchmark(tmp_path, name))


def test_the_documentation_lists_every_set() -> None:
    page = Path(__file__).parents[4] / "docs" / "zeroshot.md"
    rows = [line.split("`")[1] for line in page.read_text().splitlines() if line[:3] == "| `"]
    assert rows == list(benchmarks())


def test_pixels_of_an_array_are_kept(tmp_path: Path) -> None:
    from tests.makers.zeroshot_layouts import CIFAR_PIXELS

    source = miniature(tmp_path, "cifar10")
    image = decode(source.read("3"), "3")
    expected = CIFAR_PIXELS[3].reshape(3, 32, 32).transpose(1, 2, 0)
    assert image.tobytes() == expected.tobytes()
    assert io.BytesIO(source.read("3")).read(4) == b"\x89PNG"
