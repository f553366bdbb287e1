import json
from pathlib import Path
from typing import Any

import pytest

from storage.sources import content_digest, read_source
from tests.makers.shards import write_shard
from uwm.config import WebDatasetZeroShot
from uwm.errors import SourceError


def config(data: Path, **changes: Any) -> WebDatasetZeroShot:
    document = {"kind": "webdataset", "name": "pets", "data": data, "template": "{}", **changes}
    return WebDatasetZeroShot.model_validate(document)


def described(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def test_shards_are_read_in_order(tmp_path: Path) -> None:
    write_shard(tmp_path / "b.tar", {"2.jpg": b"two", "2.cls": b"dog"})
    write_shard(tmp_path / "a.tar", {"1.cls": b"cat\n", "1.PNG": b"one", "1.txt": b"a caption"})
    source = read_source(config(tmp_path))
    assert [source.read(name) for name in source.images["images"]] == [b"one", b"two"]
    assert source.rows["label"].tolist() == [0, 1]
    assert source.texts["prompts"].tolist() == ["cat", "dog"]


@pytest.mark.parametrize("field", ["label", "class"])
def test_a_label_may_stand_in_json(tmp_path: Path, field: str) -> None:
    files = {
        "1.jpg": b"one",
        "1.json": described(**{field: 1}),
        "2.jpg": b"two",
        "2.json": described(**{field: "0"}),
    }
    shard = write_shard(tmp_path / "a.tar", files)
    source = read_source(config(shard, label=field, classes=["cat", "dog"]))
    assert source.rows["label"].tolist() == [1, 0]
    assert source.texts["prompts"].tolist() == ["cat", "dog"]


def test_the_same_samples_in_other_shards_are_the_same_set(tmp_path: Path) -> None:
    files = {f"{n}.{s}": f"{n % 2}".encode() for n in range(4) for s in ("jpg", "cls")}
    names = list(files)
    digests = set()
    for split in (8, 4, 2):
        folder = tmp_path / str(split)
        folder.mkdir()
        for start in range(0, 8, split):
            part = {name: files[name] for name in names[start : start + split]}
            write_shard(folder / f"{start:02d}.tar", part)
        digests.add(content_digest(read_source(config(folder, classes=["cat", "dog"]))))
    assert len(digests) == 1


def test_samples_that_lack_a_part_are_counted(tmp_path: Path) -> None:
    files = {
        "1.jpg": b"",
        "1.cls": b"a",
        "2.jpg": b"",
        "2.cls": b"b",
        "3.cls": b"a",
        "4.jpg": b"",
        "5.jpg": b"",
        "5.json": described(other=1),
        "README": b"",
        "6.jpg": b"",
        "6.cls": b" ",
    }
    source = read_source(config(write_shard(tmp_path / "a.tar", files)))
    assert source.excluded == {"no picture": 2, "no label": 3}
    assert len(source.rows) == 2


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ({"1.json": b"{"}, "the label of 1 in .* cannot be read"),
        ({"1.json": b"[" * 100_000}, "the label of 1 in .* cannot be read"),
        ({"1.cls": b"\xff"}, "the label of 1 in .* cannot be read"),
        ({"1.json": described(label=[1])}, "a name or a number; 'label' of 1 in .* is a list"),
        ({"1.json": described(label=True)}, "is a bool"),
        ({"1.cls": b"a"}, "1 classes and 1 pictures"),
    ],
)
def test_a_label_that_cannot_be_used_is_told(
    tmp_path: Path, label: dict[str, bytes], said: str
) -> None:
    with pytest.raises(SourceError, match=said):
        read_source(config(write_shard(tmp_path / "a.tar", {"1.jpg": b"", **label})))


def test_a_folder_without_shards_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"has no \.tar file"):
        read_source(config(tmp_path))


def test_sets_of_clip_benchmark_need_nothing_but_their_place(tmp_path: Path) -> None:
    (tmp_path / "test").mkdir()
    write_shard(
        tmp_path / "test/0.tar",
        {f"s{n}.{s}": f"{n % 2}".encode() for n in range(4) for s in ("webp", "cls")},
    )
    (tmp_path / "classnames.txt").write_text("cat\ndog\n")
    (tmp_path / "zeroshot_classification_templates.txt").write_text("a photo of a {c}, a pet.\n")
    source = read_source(config(tmp_path / "test", template=None))
    assert source.texts["prompts"].tolist() == [
        "a photo of a cat, a pet.",
        "a photo of a dog, a pet.",
    ]
    assert source.rows["label"].tolist() == [0, 1, 0, 1]
