"""The few figures that tell during training whether a backbone is saturated yet.

The audit proper computes them with intervals; this is the training loop's dashboard.
"""

import json
from pathlib import Path

import pandas as pd
import torch

from uwm.demo.backbone import Backbone
from uwm.metrics.outcomes import pair_outcomes
from uwm.metrics.registry import BUILT_IN
from uwm.metrics.safeground import PairedEmbeddings
from uwm.metrics.zeroshot import correct
from uwm.shipped import ZEROSHOT_CLASSES, ZEROSHOT_SETS

Figures = dict[str, float]
"""Percentages by name."""


def figures(backbone: Backbone, pairs: Path) -> Figures:
    """SafeGround and recall on the pair set at `pairs`, top-1 on every zero-shot set."""
    backbone.model.train(False)
    table = pd.read_parquet(pairs)
    outcomes = pair_outcomes(
        PairedEmbeddings(
            safe_image=backbone.embed_pictures(table["safe_image"]),
            unsafe_image=backbone.embed_pictures(table["unsafe_image"]),
            safe_text=backbone.embed_texts(table["safe_text"].to_list()),
            unsafe_text=backbone.embed_texts(table["unsafe_text"].to_list()),
        )
    )
    paired = {
        metric: round(100 * float(outcomes[metric].mean()), 1) for metric in BUILT_IN.per_concept
    }
    return paired | {name: zeroshot(backbone, name) for name in ZEROSHOT_SETS}


def zeroshot(backbone: Backbone, name: str) -> float:
    """Top-1 accuracy on the zero-shot set `name`, in percent."""
    question = json.loads(ZEROSHOT_CLASSES.read_text(encoding="utf-8"))[name]
    table = pd.read_parquet(ZEROSHOT_SETS[name])
    prompts = backbone.embed_texts([question["template"].format(c) for c in question["classes"]])
    labels = torch.tensor(table["label"].to_list())
    hits = correct(backbone.embed_pictures(table["image"]), prompts, labels)
    return round(100 * hits.float().mean().item(), 1)
