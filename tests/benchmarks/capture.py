"""What a capture costs beside the plain forward pass, and what memory scoring takes.

`make bench` prints both: the ratio of (forward + statistics + write) to the forward pass of the
same batches, per tower and for both, which is what an audit captures; interleaved in one run, the
least of several rounds each (noise only adds), on a CPU with one thread, as small matrices on
several are timed by how these meet. And the peak memory of scoring with the number of samples
growing eightfold. On a GPU:
`python -m tests.benchmarks.capture --device cuda`.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path

import open_clip
import torch
from torch import Tensor

from storage.formats.statistics import StatisticsArrays, fill_statistics
from uwm.backbones.backbone import Backbone
from uwm.backbones.geometry import Geometry, Normalization
from uwm.backbones.load import load, resolve_device
from uwm.config import DemoBackbone
from uwm.families import Role, Tower
from uwm.layers import find_layers
from uwm.method.capture import capture
from uwm.method.scoring import WeightScore
from uwm.method.statistics import Activations
from uwm.partitions import PARTITIONS

ROUNDS, SAMPLES, CHUNK = 5, 1024, 128
TOWER_ROLES: tuple[tuple[Tower, tuple[Role, ...]], ...] = (
    ("image", ("fc2",)),
    ("text", ("fc2", "out")),
)


def demo_case(name: str, tower: Tower, device: str) -> tuple[Backbone, Tensor]:
    """A demo backbone and inputs of one tower, as many as its calibration pairs."""
    backbone = load(DemoBackbone(kind="demo", name=name), device)
    if tower == "text":
        return backbone, backbone.tokenize(["a friendly fox with an apple on the beach"] * SAMPLES)
    return backbone, pixels(SAMPLES, backbone.geometry.height)


def random_case(name: str, samples: int, device: str) -> tuple[Backbone, Tensor]:
    """A full-size open_clip model with random weights, and images for it."""
    model = open_clip.create_model(name, pretrained=None, device=device).eval()
    size = model.visual.preprocess_cfg["size"]
    size = size if isinstance(size, int) else size[0]
    geometry = Geometry(height=size, width=size, interpolation="bicubic", resize_mode="shortest")
    backbone = Backbone(
        model=model.requires_grad_(False),
        tokenizer=open_clip.get_tokenizer(name),
        model_config=open_clip.get_model_config(name),
        geometry=geometry,
        normalization=Normalization(mean=(0.5,) * 3, std=(0.25,) * 3),
    )
    return backbone, pixels(samples, size)


def pixels(samples: int, size: int) -> Tensor:
    return torch.randint(0, 256, (samples, 3, size, size), dtype=torch.uint8)


def capture_seconds(
    backbone: Backbone, tower: Tower, roles: tuple[Role, ...], inputs: Tensor, batch: int
) -> tuple[float, float]:
    """Seconds of the forward passes, and of a capture of the same batches.

    The inputs are one partition; the other is as large, and the same.
    """
    layers = find_layers(backbone.model, tower, roles)
    widths = {layer.input: layer.weight(backbone.model).shape[1] for layer in layers}

    def plain() -> None:
        for _ in PARTITIONS:
            for part in torch.split(inputs, batch):
                backbone.forward(tower, part)
        synchronize(backbone)

    def observe(chunk: Tensor, names: Collection[str]) -> dict[str, Activations]:
        return capture(backbone, tower, layers, chunk, batch)

    def captured(folder: Path) -> None:
        arrays = StatisticsArrays.create(folder, len(inputs), CHUNK, widths)
        fill_statistics([arrays], lambda part, rows: inputs[rows], observe)

    with tempfile.TemporaryDirectory() as root:
        plain()
        times = [
            (timed(plain), timed(lambda: captured(Path(root) / str(number))))
            for number in range(ROUNDS)
        ]
    forward, captured_too = (min(column) for column in zip(*times, strict=True))
    return forward, captured_too


def synchronize(backbone: Backbone) -> None:
    if backbone.device.type == "cuda":
        torch.cuda.synchronize()


def timed(work: Callable[[], None]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def scoring_memory(samples: int, chunk: int = CHUNK) -> float:
    """How many MiB resident memory grows at most while scoring a (512, 2048) layer (Linux only)."""
    with tempfile.TemporaryDirectory() as root:
        arrays = StatisticsArrays.create(Path(root), samples, chunk, {"fc2/00": 2048})
        fill_statistics(
            [arrays],
            lambda part, rows: torch.rand(rows.stop - rows.start, 2048).add_(0.1),
            lambda values, names: {"fc2/00": Activations(values, values)},
        )
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
        before = resident("VmRSS")
        scorer = WeightScore(torch.randn(512, 2048))
        for rows in arrays.chunks():
            safe, unsafe = arrays.read("fc2/00", rows)
            scorer.update(safe, unsafe)
        scorer.result()
    return resident("VmHWM") - before


def resident(field: str) -> float:
    """This process's resident memory in MiB, now (VmRSS) or at its peak (VmHWM)."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if field in line]
    return int(line.split()[1]) / 2**10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    device = resolve_device(parser.parse_args().device)
    torch.set_num_threads(1)
    print(f"device {device}, {torch.get_num_threads()} threads, torch {torch.__version__}")
    print(f"{'backbone':10} {'tower':6} {'roles':10} {'forward s':>10} {'capture / forward':>18}")

    def show(name: str, tower: str, roles: tuple[Role, ...], seconds: tuple[float, float]) -> None:
        forward, captured = seconds
        cells = (
            f"{name:10} {tower:6} {'+'.join(roles):10} {forward:10.3f} {captured / forward:18.3f}"
        )
        print(cells, flush=True)

    for name in ("vit", "coca", "siglip"):
        both = (0.0, 0.0)
        for tower, roles in TOWER_ROLES:
            case = demo_case(name, tower, device)
            seconds = capture_seconds(case[0], tower, roles, case[1], 16)
            show(name, tower, roles, seconds)
            both = (both[0] + seconds[0], both[1] + seconds[1])
        show(name, "both", (), both)
    samples = 1024 if device == "cuda" else 64
    for name in ("ViT-B-32", "ViT-L-14") if device == "cuda" else ("ViT-B-32",):
        backbone, inputs = random_case(name, samples, device)
        seconds = capture_seconds(backbone, "image", ("fc2",), inputs, samples // 4)
        show(name, "image", ("fc2",), seconds)
    scoring_memory(CHUNK)  # what the libraries take once
    for count in (256, 2048):
        peak = scoring_memory(count)
        print(f"scoring {count:5} samples of a (512, 2048) layer: peak {peak:.1f} MiB")


if __name__ == "__main__":
    main()
