"""Draw every set and write it as Parquet, with a manifest of what is shipped."""

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from uwm.demo.glyphs import Glyphs, Noto, fetch_fluent
from uwm.demo.samples import ZEROSHOT, Row, alarming_pair, labelled, pair
from uwm.shipped import BACKBONES, DATA, MANIFEST, PAIR_SETS, ROOT, ZEROSHOT_CLASSES, ZEROSHOT_SETS

TRAINING = "train.parquet"
"""The training set's file in the work folder; it is not shipped."""


@dataclass(frozen=True)
class Split:
    """So many samples from the seeds `[seed, 0], [seed, 1], ...`."""

    seed: int
    count: int


SPLITS: dict[str, Split] = {
    "train": Split(10, 30_000),
    "calibration": Split(20, 1_000),
    "validation": Split(30, 500),
    "test": Split(40, 1_000),
    "test_second_style": Split(50, 500),
    "hard_benign": Split(100, 300),
}

ZEROSHOT_SPLITS: dict[str, Split] = {
    "subjects": Split(60, 16 * 18),
    "objects": Split(70, 10 * 28),
    "backgrounds": Split(80, 14 * 20),
    "unsafe_objects": Split(90, 10 * 28),
}


def build(work: Path) -> None:
    """Draw all sets: the shipped ones to `DATA`, the training set to `work`."""
    DATA.mkdir(parents=True, exist_ok=True)
    work.mkdir(parents=True, exist_ok=True)
    second = fetch_fluent(work / "fluent")
    for name, path in PAIR_SETS.items():
        style: Glyphs = second if name == "test_second_style" else Noto()
        _write_pairs(name, path, style)
    _write_zeroshot()
    _write_pairs("train", work / TRAINING, Noto())


def _write_zeroshot() -> None:
    for name, path in ZEROSHOT_SETS.items():
        split = ZEROSHOT_SPLITS[name]
        draw = partial(labelled, name, seed=split.seed, glyphs=Noto())
        _write([draw(index) for index in range(split.count)], path)
    classes = {name: asdict(question) for name, question in ZEROSHOT.items()}
    ZEROSHOT_CLASSES.write_text(json.dumps(classes, indent=2) + "\n", encoding="utf-8")


def write_manifest() -> None:
    """Record size and SHA-256 of every shipped file."""
    files = {
        path.relative_to(ROOT).as_posix(): {
            "bytes": path.stat().st_size,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        }
        for path in shipped()
    }
    MANIFEST.write_text(json.dumps(files, indent=2) + "\n", encoding="utf-8")


def shipped() -> Iterator[Path]:
    """Every data and backbone file of the demo but the manifest itself, in a fixed order."""
    for folder in (DATA, *BACKBONES.values()):
        yield from (path for path in sorted(folder.glob("*")) if path != MANIFEST)


def _write_pairs(name: str, path: Path, style: Glyphs) -> None:
    split = SPLITS[name]
    drawn = alarming_pair if name == "hard_benign" else partial(pair, web=name == "train")
    draw = partial(drawn, name, seed=split.seed, glyphs=style)
    with ProcessPoolExecutor() as pool:
        _write(list(pool.map(draw, range(split.count), chunksize=250)), path)


def _write(rows: list[Row], path: Path) -> None:
    pd.DataFrame(rows).to_parquet(path, index=False, compression="zstd")
    print(f"{path.name}: {len(rows):,} rows, {path.stat().st_size / 2**20:.2f} MiB", flush=True)
