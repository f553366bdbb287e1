"""How many samples are worked on at a time."""

from __future__ import annotations

from collections.abc import Iterator

CHUNK = 128
"""Samples per chunk: what is in memory at once, and what a killed run loses at most.

Every road from samples to numbers takes them in these portions, so that sums have the same last
bits in an audit and in a Python session.
"""


def chunks(samples: int) -> Iterator[slice]:
    """The rows of each chunk, in order."""
    return (slice(start, min(start + CHUNK, samples)) for start in range(0, samples, CHUNK))
