"""One small set of quadruples, laid out in every way that a pair source can be."""

from __future__ import annotations

import csv
import io
import json
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from pydantic import TypeAdapter

from storage.sources import Source
from uwm.config import PairsConfig, TablePairs
from uwm.partitions import PARTITIONS

CONCEPTS = ("Violence", "bodily bluids", "hate ")
"""As ViSU spells them: in mixed case, and misspelt."""
_CONFIG: TypeAdapter[PairsConfig] = TypeAdapter(PairsConfig)


@dataclass
class Quadruple:
    """What every layout says of one row."""

    id: int
    coco_id: int
    concept: str
    texts: dict[str, str]
    pictures: dict[str, bytes]


def elsewhere(source: Source) -> Source:
    """A source as a task in another process gets it."""
    found: Source = cloudpickle.loads(cloudpickle.dumps(source))
    return found


def jpeg(seed: int, size: tuple[int, int] = (12, 10)) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, format="JPEG")
    return buffer.getvalue()


def quadruples(count: int = 12, size: tuple[int, int] = (12, 10)) -> list[Quadruple]:
    return [
        Quadruple(
            id=1000 + row,
            coco_id=7 * row,
            concept=CONCEPTS[row % len(CONCEPTS)],
            texts={part: f"the {part} text, no. {row}" for part in PARTITIONS},
            pictures={part: jpeg(2 * row + (part == "safe"), size) for part in PARTITIONS},
        )
        for row in range(count)
    ]


def config(**fields: Any) -> PairsConfig:
    return _CONFIG.validate_python({"name": "mine", **fields})


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def visu_entries(rows: list[Quadruple]) -> list[dict[str, Any]]:
    return [
        {
            "incremental_id": row.id,
            "coco_id": row.coco_id,
            "safe": row.texts["safe"],
            "nsfw": row.texts["unsafe"],
            "tag": row.concept,
        }
        for row in rows
    ]


def visu(folder: Path, rows: list[Quadruple], **fields: Any) -> PairsConfig:
    """ViSU-Text, two COCO folders that share the pictures out, and the unsafe pictures."""
    write(folder / "visu_train.json", json.dumps(visu_entries(rows)).encode())
    for name in ("train2017", "val2017"):
        (folder / "coco" / name).mkdir(parents=True)
    for index, row in enumerate(rows):
        split = "val2017" if index % 5 == 0 else "train2017"
        write(folder / "coco" / split / f"{row.coco_id:012d}.jpg", row.pictures["safe"])
        unsafe = folder / f"train/sd-ntsw/unsafe/original/{row.id}/0.jpg"
        write(unsafe, row.pictures["unsafe"])
    return config(
        **{
            "kind": "visu",
            "texts": folder / "visu_train.json",
            "coco": [folder / "coco" / "train2017", folder / "coco" / "val2017"],
            "unsafe": folder,
            "split": "train",
            **fields,
        }
    )


def manifest_rows(rows: list[Quadruple]) -> list[dict[str, Any]]:
    return [
        {
            "id": row.id,
            "concept": row.concept,
            **{f"{part}_text": row.texts[part] for part in PARTITIONS},
            **{f"{part}_image": f"{part}/{row.id}.jpg" for part in PARTITIONS},
        }
        for row in rows
    ]


def manifest(
    folder: Path, rows: list[Quadruple], suffix: str = ".csv", **fields: Any
) -> PairsConfig:
    """A manifest of paths, in a folder of its own beside the pictures'."""
    for row in rows:
        for part in PARTITIONS:
            write(folder / "images" / part / f"{row.id}.jpg", row.pictures[part])
    path = folder / f"quadruples{suffix}"
    write_manifest(path, manifest_rows(rows))
    return config(kind="manifest", data=path, images=folder / "images", **fields)


def write_manifest(path: Path, rows: list[dict[str, Any]]) -> None:
    match path.suffix:
        case ".csv":
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        case ".jsonl":
            path.write_text("\n".join(map(json.dumps, rows)))
        case ".parquet":
            pq.write_table(pa.Table.from_pylist(rows), path)


def bytes_manifest(folder: Path, rows: list[Quadruple], **fields: Any) -> PairsConfig:
    """A Parquet manifest that holds the pictures: one column of bytes, one of structs."""
    table = [
        {
            **described,
            "safe_image": row.pictures["safe"],
            "unsafe_image": {"bytes": row.pictures["unsafe"], "path": "anywhere.jpg"},
        }
        for described, row in zip(manifest_rows(rows), rows, strict=True)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    write_manifest(folder / "quadruples.parquet", table)
    return config(kind="manifest", data=folder / "quadruples.parquet", **fields)


def shard(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))


def webdataset(folder: Path, rows: list[Quadruple], **fields: Any) -> PairsConfig:
    """Two shards, whose keys are not the ids."""
    folder.mkdir(parents=True, exist_ok=True)
    half = len(rows) // 2
    for number, part_of in enumerate((rows[:half], rows[half:])):
        files: dict[str, bytes] = {}
        for index, row in enumerate(part_of):
            key = f"{number}/{index:05d}"
            described = {"id": row.id, "concept": row.concept}
            described |= {f"{part}_text": row.texts[part] for part in PARTITIONS}
            files[f"{key}.json"] = json.dumps(described).encode()
            files |= {f"{key}.{part}.jpg": row.pictures[part] for part in PARTITIONS}
        shard(folder / f"pairs-{number:03d}.tar", files)
    return config(kind="webdataset", data=folder, **fields)


def hf_dataset(folder: Path, rows: list[Quadruple], **fields: Any) -> PairsConfig:
    """What `datasets` itself saves: pictures as its `Image`, concepts as its `ClassLabel`."""
    import datasets

    names = list(dict.fromkeys(row.concept for row in rows))
    features = datasets.Features(
        {
            "id": datasets.Value("int64"),
            "concept": datasets.ClassLabel(names=names),
            **{f"{part}_text": datasets.Value("string") for part in PARTITIONS},
            **{f"{part}_image": datasets.Image() for part in PARTITIONS},
        }
    )
    table = [
        {
            **described,
            **{f"{part}_image": {"bytes": row.pictures[part], "path": None} for part in PARTITIONS},
        }
        for described, row in zip(manifest_rows(rows), rows, strict=True)
    ]
    made = datasets.Dataset.from_list(table, features=features)
    made.save_to_disk(folder, num_shards=2)
    return config(kind="hf-dataset", data=folder, **fields)


LAYOUTS: dict[str, Callable[..., PairsConfig]] = {
    "visu": visu,
    "csv": manifest,
    "jsonl": lambda folder, rows, **fields: manifest(folder, rows, ".jsonl", **fields),
    "parquet": lambda folder, rows, **fields: manifest(folder, rows, ".parquet", **fields),
    "bytes": bytes_manifest,
    "webdataset": webdataset,
    "hf-dataset": hf_dataset,
}


def tables(folder: Path, rows: int = 4, **fields: Any) -> TablePairs:
    """A pair source of two CSV files and a folder of pictures, `safe0.png` and so on."""
    images = folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    for part in PARTITIONS:
        for row in range(rows):
            Image.new("RGB", (4, 4), (row, 0, 255 if part == "safe" else 0)).save(
                images / f"{part}{row}.png"
            )
        pd.DataFrame(
            {
                "image": [f"{part}{row}.png" for row in range(rows)],
                "text": [f"{part} text {row}" for row in range(rows)],
                "concept": [f"concept {row % 2}" for row in range(rows)],
            }
        ).to_csv(folder / f"{part}.csv", index=False)
    return TablePairs(
        kind="tables",
        name="mine",
        safe=folder / "safe.csv",
        unsafe=folder / "unsafe.csv",
        images=images,
        **fields,
    )


def change(path: Path, row: int, **cells: str) -> None:
    table = pd.read_csv(path)
    for column, value in cells.items():
        table.loc[row, column] = value
    table.to_csv(path, index=False)


def of_concepts(folder: Path, name: str, concepts: tuple[str, ...]) -> dict[str, Any]:
    """A data set of 12 pairs of these concepts in turn, its texts its own, as a configuration."""
    rows = quadruples()
    for number, row in enumerate(rows):
        row.concept = concepts[number % len(concepts)]
        row.texts = {part: f"{name} {text}" for part, text in row.texts.items()}
    return {**LAYOUTS["csv"](folder / name, rows).model_dump(), "name": name}
