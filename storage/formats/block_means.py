"""Mean residual streams of a tower's blocks on disk: one safetensors file."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file, save_file

from uwm.method.ablation import BlockMeans
from uwm.partitions import PARTITIONS

_FILE = "means.safetensors"


def write_block_means(folder: Path, means: BlockMeans) -> None:
    """Write `means.safetensors`, a tensor per partition and block."""
    tensors = {f"safe.{block}": mean.contiguous() for block, mean in means.safe.items()}
    tensors |= {f"unsafe.{block}": mean.contiguous() for block, mean in means.unsafe.items()}
    save_file(tensors, folder / _FILE)


def read_block_means(folder: Path) -> BlockMeans:
    """Inverse of `write_block_means`."""
    tensors = load_file(folder / _FILE)
    safe, unsafe = (
        {
            int(name.rpartition(".")[2]): tensor
            for name, tensor in tensors.items()
            if name.startswith(f"{side}.")
        }
        for side in PARTITIONS
    )
    return BlockMeans(safe, unsafe)
