"""The two halves of every pair: what is safe, and what is not."""

from __future__ import annotations

from typing import Literal

Partition = Literal["safe", "unsafe"]

PARTITIONS: tuple[Partition, ...] = ("safe", "unsafe")
