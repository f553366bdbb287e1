"""Would a pass pay that resumes at the first edited block, from activations kept before it?

    python -m tests.benchmarks.resume [--trials search.parquet]

Per tower: how much of a pass lies before each block, and what reading that block's input back costs
in place of computing it. With a search's trials also how much of all its passes lies before the
first block that each one edits.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import open_clip
import pandas as pd
import torch
from torch import Tensor

from storage.formats.samples import Field, SampleArrays
from uwm.backbones.backbone import Backbone
from uwm.backbones.geometry import Geometry, Normalization
from uwm.backbones.load import load
from uwm.config import DemoBackbone
from uwm.families import TOWERS, Tower
from uwm.layers import LayerId, find_layers

CHUNK, REPEATS = 128, 5


def pass_inputs(backbone: Backbone, tower: Tower) -> Tensor:
    """One chunk of noise, or of texts."""
    if tower == "image":
        size = backbone.geometry.height, backbone.geometry.width
        return torch.randint(0, 256, (CHUNK, 3, *size), dtype=torch.uint8)
    return backbone.tokenize([f"a photo of a cat and {i} dogs" for i in range(CHUNK)])


def median(measure: Callable[[], float]) -> float:
    measure()
    return float(np.median([measure() for _ in range(REPEATS)]))


def before_blocks(backbone: Backbone, tower: Tower) -> tuple[list[float], float, list[int]]:
    """Seconds of a chunk's pass before each block and in all; bytes of a sample's block inputs."""
    paths = list(dict.fromkeys(layer.block for layer in find_layers(backbone.model, tower)))
    inputs, seen, sizes = pass_inputs(backbone, tower), {}, {}
    runs: list[list[float]] = []

    def look(path: str) -> Callable[..., None]:
        def hook(module: object, given: tuple[Tensor, ...]) -> None:
            seen[path] = time.perf_counter()
            sizes[path] = given[0].numel() * given[0].element_size() // CHUNK

        return hook

    hooks = [
        backbone.model.get_submodule(path).register_forward_pre_hook(look(path)) for path in paths
    ]
    for _ in range(REPEATS + 1):
        begin = time.perf_counter()
        backbone.encode(tower, inputs)
        end = time.perf_counter()
        runs.append([*(seen[path] - begin for path in paths), end - begin])
    for hook in hooks:
        hook.remove()
    *blocks, whole = np.median(runs[1:], axis=0).tolist()
    return blocks, whole, [sizes[path] for path in paths]


def read_back(size: int) -> float:
    """Seconds to read a chunk of block inputs, stored as embeddings are."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        arrays = SampleArrays.create(folder, CHUNK, CHUNK, {"x": Field((size // 4,), "float32")})
        values = np.random.default_rng(0).standard_normal((CHUNK, size // 4), dtype=np.float32)
        arrays.write(slice(0, CHUNK), {"x": values})

        def read() -> float:
            begin = time.perf_counter()
            SampleArrays(folder).read("x")
            return time.perf_counter() - begin

        return median(read)


def first_edited(trials: pd.DataFrame, tower: Tower) -> list[int]:
    """The first block that each trial edits in a tower; trials that leave it alone have none."""
    shares = trials.filter(regex=rf"^{tower}\.\d\d\..*\.share$")
    blocks = np.array([LayerId.parse(name.removesuffix(".share")).block for name in shares.columns])
    return [int(blocks[row].min()) for row in shares.notna().to_numpy() if row.any()]


def random_b32() -> Backbone:
    """ViT-B-32 with random weights: time does not depend on them."""
    model = open_clip.create_model("ViT-B-32", pretrained=None).eval()
    config = open_clip.get_model_config("ViT-B-32")
    return Backbone(
        model,
        open_clip.get_tokenizer("ViT-B-32"),
        config,
        Geometry(height=224, width=224, interpolation="bicubic", resize_mode="shortest"),
        Normalization(mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25)),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    table = None if arguments.trials is None else pd.read_parquet(arguments.trials)
    backbones = {
        name: load(DemoBackbone(kind="demo", name=name)) for name in ("vit", "coca", "siglip")
    }
    for name, backbone in {**backbones, "ViT-B-32": random_b32()}.items():
        for tower in TOWERS:
            blocks, whole, sizes = before_blocks(backbone, tower)
            print(f"{name} {tower}: {1000 * whole / CHUNK:.2f} ms per sample")
            for number, (seconds, size) in enumerate(zip(blocks, sizes, strict=True)):
                print(
                    f"  block {number}: {100 * seconds / whole:.0f} % before it; reading "
                    f"{size / 1024:.0f} KiB per sample back takes "
                    f"{100 * read_back(size) / whole:.1f} % of a pass"
                )
            if table is not None and name in set(table["backbone"]):
                first = first_edited(table[table["backbone"] == name], tower)
                saved = sum(blocks[block] for block in first) / whole / len(first)
                print(
                    f"  of {len(first)} edited passes {100 * saved:.0f} % lies before their edits"
                )


if __name__ == "__main__":
    main()
