"""Zero-shot sources: labelled pictures, class names and templates, in one form.

`labelled` is that form; `folder`, `parquet` and `webdataset` read a user's own sets, `benchmark`
the 17 of the paper, whose official layouts `folders`, `lists`, `mat` and `cifar` know.
"""

from __future__ import annotations

from storage.sources.source import Source
from storage.sources.zeroshot.benchmark import benchmark_zeroshot
from storage.sources.zeroshot.demo import demo_zeroshot
from storage.sources.zeroshot.folders import folder_zeroshot
from storage.sources.zeroshot.parquet import parquet_zeroshot
from storage.sources.zeroshot.prompts import prompts_digest
from storage.sources.zeroshot.webdataset import webdataset_zeroshot
from uwm.config import (
    BenchmarkZeroShot,
    DemoZeroShot,
    FolderZeroShot,
    ParquetZeroShot,
    WebDatasetZeroShot,
    ZeroShotConfig,
)

__all__ = ["prompts_digest", "read_zeroshot"]


def read_zeroshot(config: ZeroShotConfig) -> Source:
    """The labelled set that `config` names.

    Raises:
        MissingSetError: a benchmark is not in its folder.
        SourceError: files are unreadable or malformed.
    """
    match config:
        case DemoZeroShot():
            return demo_zeroshot(config)
        case FolderZeroShot():
            return folder_zeroshot(config)
        case ParquetZeroShot():
            return parquet_zeroshot(config)
        case WebDatasetZeroShot():
            return webdataset_zeroshot(config)
        case BenchmarkZeroShot():
            return benchmark_zeroshot(config)
