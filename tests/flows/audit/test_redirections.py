"""An audit with redirections: chosen, controlled, held out, and nothing done twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from flows.audit.flow import audit
from storage.store.store import Store
from tests.makers.runs import audited
from uwm.config import AuditConfig
from uwm.method.edit_files import read_edit

pytestmark = pytest.mark.usefixtures("prefect_server")
GOAL = "Img_s"
REDIRECT = {
    "kind": "redirect",
    "strength": [1, 2],
    "keep": [0.3, 3],
    "choice": {"max_loss": 100, "goals": [GOAL]},
}
METHODS: Sequence[dict[str, Any]] = (
    {"kind": "original"},
    REDIRECT,
    {
        "kind": "redirect",
        "name": "both towers",
        "roles": {"image": ["fc2"], "text": ["fc2"]},
        "block": 0,
        "preserve": {"phrases": ["a house"], "sets": [{"kind": "demo", "set": "objects"}]},
    },
    {
        "kind": "redirect_projection",
        "name": "behind",
        "towers": ["image", "text"],
        "push": [0, 0.4],
        "choice": {"max_loss": 100, "goals": [GOAL]},
    },
    {"kind": "mispaired", "of": "behind"},
    {"kind": "swapped", "of": "redirect"},
    {"kind": "mispaired", "of": "both towers", "seeds": 2},
    {"kind": "one_way", "of": "redirect"},
)


def test_redirections_are_chosen_controlled_and_held_out_in_one_audit(
    small: Callable[..., AuditConfig], tmp_path: Path
) -> None:
    config = small("clip", methods=METHODS, held_out={"methods": ["redirect", "behind"]})
    results, first = audited(config, tmp_path)
    content = json.loads((tmp_path / "out" / "results.json").read_text())
    settings = {setting["method"]: setting for setting in content["settings"]["clip"]}
    names = ["original", "redirect", "both towers", "behind", "mispaired behind #0"]
    names += [
        "swapped redirect #0",
        "mispaired both towers #0",
        "mispaired both towers #1",
        "one_way redirect #0",
    ]
    assert list(settings) == names

    # The point with the highest goal on the validation pairs, and the figures of every point.
    table = results.choices["clip"]["redirect"]
    assert table["text_strength"].isna().tolist() == [True] + 4 * [False]
    assert {(1, 0.3), (1, 3), (2, 0.3), (2, 3)} == set(
        table[["text_strength", "text_keep"]].dropna().itertuples(index=False, name=None)
    )
    (best,) = table.index[table["chosen"]]
    assert best == table[GOAL].idxmax()

    # One layer of the tower is changed, in the block that is asked for.
    store = Store(tmp_path / "store")
    for name, setting in settings.items():
        for tower in ("image", "text"):
            if part := setting[tower]:
                edit = read_edit(store.path(part["edit"]))
                if "behind" in name:
                    assert edit.projected is not None
                    assert part["layers"] == [f"{tower}.projection"]
                    assert part["push"] in (0, 0.4)
                    continue
                assert [str(id) for id in edit.added] == part["layers"]
                assert len(edit.added) == 1
                block = 0 if "both" in name else 1
                assert part["layers"] == [f"{tower}.{block:02d}.fc2"]
    assert settings["redirect"]["image"] is None
    assert settings["both towers"]["image"] is not None

    # Controls are as large, and are measured beside.
    changes = {
        name: read_edit(store.path(setting["text"]["edit"])).added
        for name, setting in settings.items()
        if setting["text"] and "behind" not in name
    }
    (own,), (control,) = (changes[name].values() for name in ("redirect", "one_way redirect #0"))
    assert not torch.allclose(own.edited, control.edited)
    rows = pd.read_parquet(tmp_path / "out" / "results.parquet")
    assert set(rows.loc[rows["control_of"] == "redirect", "method"]) == {
        "swapped redirect #0",
        "one_way redirect #0",
    }
    assert results.tables["held_out"]["method"].unique().tolist() == ["redirect", "behind"]

    # One pass of the text tower over the pairs for all points, and nothing twice.
    passes = sorted(name for name in first if name.startswith("pool · clip · text.01.fc2"))
    assert [name.rpartition(" · ")[2] for name in passes] == ["pairs", "phrases"]
    _, second = audited(config, tmp_path)
    assert set(second.values()) == {"Cached"}
    assert set(second) == set(first)


def test_one_more_point_costs_no_more_capture(
    small: Callable[..., AuditConfig], tmp_path: Path
) -> None:
    plain = {"zeroshot": [], "benchmarks": [{"kind": "demo", "split": "test", "per_concept": 1}]}
    few, many = (
        small("clip", methods=[{**REDIRECT, "strength": grid}], **plain)
        for grid in ([1, 2], [1, 1.5, 2])
    )
    store = Store(tmp_path / "store")
    audit(few, store.url, str(tmp_path / "out"))
    before = {(kind, digest) for kind, digest, _ in store.artifacts() if kind == "pooled"}
    audit(many, store.url, str(tmp_path / "out"))
    after = {(kind, digest) for kind, digest, _ in store.artifacts() if kind == "pooled"}
    assert before == after
