"""How much faster an audit is with more workers: `python -m tests.benchmarks.runners`.

The demo's calibration pairs four times over (4,000 quadruples, four shards per tower) are captured,
scored and edited, and the test pairs embedded, by one demo backbone with one thread per pass. The
results must not depend on the runner.
"""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from flows.audit.flow import audit
from flows.cli.options import prepare_prefect
from storage.sources import read_source
from uwm.config import AuditConfig, DemoPairs, Runner

COPIES = 4
RUNNERS = {
    "threads": Runner(),
    **{
        f"{kind}, {workers} workers": Runner(kind=kind, workers=workers)
        for kind in ("processes", "dask")
        for workers in (1, 2, 4)
    },
}


def write_pairs(path: Path) -> None:
    """A manifest with the demo's calibration pairs, several times over."""
    source = read_source(DemoPairs(kind="demo", split="calibration"))
    table = pd.DataFrame({"concept": source.rows["concept"]})
    for part in ("safe", "unsafe"):
        table[f"{part}_text"] = source.texts[part]
        table[f"{part}_image"] = [source.read(name) for name in source.images[part]]
    table = pd.concat([table] * COPIES, ignore_index=True)
    table.insert(0, "id", range(len(table)))
    table.to_parquet(path, index=False)


def measure(folder: Path) -> None:
    write_pairs(folder / "pairs.parquet")
    config = AuditConfig.model_validate(
        {
            "name": "runners",
            "threads": 1,
            "batch_size": 16,
            "resamples": 100,
            "backbones": [{"kind": "demo", "name": "vit"}],
            "calibration": {
                "kind": "manifest",
                "name": "demo",
                "data": str(folder / "pairs.parquet"),
            },
            "benchmarks": [{"kind": "demo", "split": "test"}],
            "methods": [{"kind": "original"}, {"kind": "uwm"}],
        }
    )
    found = set()
    for name, runner in RUNNERS.items():
        place = folder / name.replace(", ", "-").replace(" ", "-")
        began = time.perf_counter()
        audit(config, str(place / "store"), str(place / "out"), runner)
        seconds = time.perf_counter() - began
        results = (place / "out" / "results.parquet").read_bytes()
        found.add(hashlib.sha256(results).hexdigest())
        print(f"{name:22} {seconds:6.1f} s", flush=True)
    print("the same results" if len(found) == 1 else f"{len(found)} different results")


if __name__ == "__main__":
    prepare_prefect()
    with TemporaryDirectory() as name:
        measure(Path(name))
