"""What an audit promises: everything measured, nothing done twice, nothing stale served."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import Artifact
from prefect.client.schemas.sorting import ArtifactSort
from rich.console import Console
from ruamel.yaml import YAML
from safetensors.torch import load_file, save_file
from torch import Tensor

from flows.audit.flow import audit
from flows.cli.app import run as command
from flows.cli.options import FAILED
from flows.report.terminal import print_results
from flows.results.table import COLUMNS
from storage.store import spec
from storage.store.code import code_digest
from storage.store.history import accept, baseline, kept, recorded
from storage.store.store import Store
from tests.makers.backbones import write_backbone
from tests.makers.pair_layouts import LAYOUTS, quadruples
from tests.makers.runs import audited
from tests.makers.zeroshot_layouts import WRITERS
from uwm.backbones.backbone import Backbone
from uwm.config import AuditConfig
from uwm.errors import InputError, NoEffectError, SourceError, UnknownBlockError
from uwm.metrics.registry import BUILT_IN
from uwm.metrics.zeroshot import METRICS

Small = Callable[..., AuditConfig]
pytestmark = pytest.mark.usefixtures("prefect_server")


def stages(states: dict[str, str], state: str) -> set[str]:
    """The stages whose every run ended in `state`."""
    by_stage: dict[str, set[str]] = {}
    for name, found in states.items():
        by_stage.setdefault(name.split(" · ")[0], set()).add(found)
    return {stage for stage, found in by_stage.items() if found == {state}}


def test_every_family_is_audited_and_a_second_run_is_cached(small: Small, tmp_path: Path) -> None:
    config = small("clip", "coca", "siglip")
    _, first = audited(config, tmp_path)
    assert not any(
        "coca" in name and "decode" in name and s != "Cached" for name, s in first.items()
    )
    rows = pd.read_parquet(tmp_path / "out" / "results.parquet")
    assert list(rows.columns) == list(COLUMNS)
    methods = {"original", "uwm", "neurons", "random uwm #0", "random uwm #1"}
    assert set(zip(rows["backbone"], rows["method"], strict=True)) == {
        (backbone, method) for backbone in ("clip", "coca", "siglip") for method in methods
    }
    per_method = len(BUILT_IN.of(data="pairs")) + 2 * len(METRICS)  # one set, and the mean
    assert (rows["concept"] == "").sum() == 3 * len(methods) * per_method
    per_concept = rows[rows["concept"] != ""]
    assert len(per_concept) == 3 * len(methods) * 10 * len(BUILT_IN.per_concept)
    assert (per_concept["n"] == 2).all()
    assert (rows["low"] <= rows["value"] + 1e-9).all()
    assert (rows["value"] <= rows["high"] + 1e-9).all()
    assert (rows.loc[rows["method"] == "original", "change"] == 0).all()
    assert rows.loc[rows["method"] == "random uwm #1", "control_of"].unique() == ["uwm"]

    outputs = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert set(outputs) == {"results.parquet", "results.json", "report.html"}
    _, second = audited(config, tmp_path)
    assert set(second.values()) == {"Cached"}
    assert set(second) == set(first)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == outputs


def test_another_tau_recomputes_the_selection_and_what_follows(
    small: Small, tmp_path: Path
) -> None:
    methods = [{"kind": "uwm"}]
    audit(small(methods=methods), str(tmp_path / "store"), str(tmp_path / "out"))
    _, states = audited(small(methods=[{"kind": "uwm", "tau": 0.1}]), tmp_path)
    assert stages(states, "Cached") == {
        "ingest",
        "decode pixels",
        "tokenize",
        "capture statistics",
        "score",
    }
    assert {name for name, state in states.items() if state == "Cached"} >= {
        "embed · clip · image · original",
        "embed · clip · text · original",
        "evaluate · clip · original",
    }
    assert stages(states, "Completed") == {"edit"}
    assert states["evaluate · clip · uwm"] == "Completed"


def test_a_deleted_or_damaged_artifact_is_recomputed_and_nothing_else(
    small: Small, tmp_path: Path
) -> None:
    config = small(methods=[{"kind": "uwm"}])
    audit(config, str(tmp_path / "store"), str(tmp_path / "out"))
    expected = (tmp_path / "out" / "results.parquet").read_bytes()
    store = Store(tmp_path / "store")
    folders = {kind: path for kind, _, path in store.artifacts()}
    chunk = max(folders["scores"].rglob("c/*/*"))
    chunk.write_bytes(chunk.read_bytes()[:-1] + b"\0")
    (folders["pixels"] / "COMPLETE.json").unlink()
    _, states = audited(config, tmp_path)
    again = {name.split(" · ")[0] for name, state in states.items() if state == "Completed"}
    assert again == {"score", "decode pixels"}
    assert (tmp_path / "out" / "results.parquet").read_bytes() == expected


def test_changed_code_recomputes_its_stage(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = small(methods=[{"kind": "uwm"}])
    audit(config, str(tmp_path / "store"), str(tmp_path / "out"))
    monkeypatch.setattr(
        spec, "code_digest", lambda name: "changed" if name == "tasks.score" else code_digest(name)
    )
    _, states = audited(config, tmp_path)
    assert {"ingest", "capture statistics"} <= stages(states, "Cached")
    assert {"score", "edit"} <= stages(states, "Completed")


def test_the_choice_is_made_on_validation_pairs_and_told(small: Small, tmp_path: Path) -> None:
    results = audit(small(), str(tmp_path / "store"), str(tmp_path / "out"))
    table = results.choices["clip"]["neurons"]
    assert len(table) == 9  # two shares or none, in either tower
    assert table["chosen"].sum() == 1
    assert table.loc[0, ["image_share", "text_share"]].isna().all()
    best = table.loc[table["chosen"], ["P_t_u", "P_v_u"]].sum(axis=1).item()
    assert best == table[["P_t_u", "P_v_u"]].sum(axis=1).max()  # any loss of knowledge is allowed


@pytest.mark.parametrize("layout", ["csv", "webdataset"])
def test_the_same_pairs_in_another_layout_are_the_same_audit(
    small: Small, tmp_path: Path, layout: str
) -> None:
    rows = quadruples(24)

    def on(layout: str) -> AuditConfig:
        pairs = LAYOUTS[layout](tmp_path / layout, rows).model_dump()
        changes = {"calibration": pairs, "validation": None, "benchmarks": [pairs]}
        return small(**changes, zeroshot=[], methods=[{"kind": "uwm"}])

    audit(on("visu"), str(tmp_path / "store"), str(tmp_path / "out"))
    expected = (tmp_path / "out" / "results.parquet").read_bytes()
    _, states = audited(on(layout), tmp_path)
    assert set(states.values()) == {"Cached"}
    assert (tmp_path / "out" / "results.parquet").read_bytes() == expected


def without_ends(backbone: Backbone, ids: Tensor) -> Tensor:
    """Real tokens as a tokenizer has them that marks neither start nor end of a text."""
    return (ids > 0) & (ids < 49406)


def test_what_is_left_out_is_counted_in_the_results(
    small: Small, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Backbone, "real_tokens", without_ends)
    rows = quadruples(24)
    rows[5].texts["safe"] = ""
    rows[6].pictures["unsafe"] = b"no picture"
    rows[7].texts["unsafe"] = "one"
    rows[8].texts["safe"] = "\u200b"  # ftfy leaves nothing of it
    pairs = LAYOUTS["csv"](tmp_path, rows, max_quarantined=0.1).model_dump()
    changes = {"calibration": pairs, "validation": None, "benchmarks": [pairs], "zeroshot": []}
    audit(
        small(**changes, methods=[{"kind": "uwm"}]), str(tmp_path / "store"), str(tmp_path / "out")
    )
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    counted = {"empty text": 1, "damaged image": 1}
    assert found["excluded"] == {
        "calibration mine": counted,
        "mine": counted,
        "calibration mine, text tower of clip": {"fewer than two real tokens": 2},
    }
    (setting,) = (part for part in found["settings"]["clip"] if part["method"] == "uwm")
    assert (setting["text"]["excluded"], setting["image"]["excluded"]) == (2, 0)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "mine: 1 row left out, damaged image" in page
    assert "text tower of clip: 2 rows left out, fewer than two real tokens" in page
    # Every backbone is measured on the same rows.
    measured = pd.read_parquet(tmp_path / "out" / "results.parquet")
    assert (measured.loc[measured["concept"] == "", "n"] == 22).all()
    per_concept = measured[measured["concept"] != ""].groupby(["method", "metric"])["n"].sum()
    assert (per_concept == 22).all()

    strict = changes | {"calibration": pairs | {"max_quarantined": 0.09}}
    with pytest.raises(SourceError, match=r"2 of 22 rows .*\n +1007: fewer than two real tokens"):
        audit(
            small(**strict, methods=[{"kind": "uwm"}]),
            str(tmp_path / "store"),
            str(tmp_path / "out"),
        )


def published(key: str) -> Artifact:
    """The newest artifact of that key; the server answers with 200 at most."""
    with get_client(sync_client=True) as client:
        return client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key])),
            sort=ArtifactSort.UPDATED_DESC,
            limit=1,
        )[0]


def test_the_audit_is_published_in_prefects_ui(small: Small, tmp_path: Path) -> None:
    audit(small(name="published"), str(tmp_path / "store"), str(tmp_path / "out"))
    summary = str(published("audit-published").data)
    assert "| clip | neurons |" in summary
    assert str((tmp_path / "out" / "report.html").resolve()) in summary
    assert published("audit-published-clip").type == "table"
    assert published("capture-image").type == "progress"
    assert published("evaluate").data == 100


def test_missing_zero_shot_sets_are_told_once_and_the_rest_runs(
    small: Small, tmp_path: Path
) -> None:
    WRITERS["food101"](tmp_path / "data")
    zeroshot = [
        {"kind": "demo", "set": "objects"},
        {"kind": "benchmarks", "root": str(tmp_path / "data"), "sets": ["food101", "dtd"]},
    ]
    config = small(zeroshot=zeroshot, methods=[{"kind": "uwm"}])
    results = audit(config, str(tmp_path / "store"), str(tmp_path / "out"))
    measured = set(results.rows.loc[results.rows["metric"] == "mean_per_class", "dataset"])
    assert measured == {"objects", "food101", "zero-shot mean"}
    written = json.loads((tmp_path / "out" / "results.json").read_text())
    assert set(written["gaps"]) == {"food101", "dtd"}
    assert written["gaps"]["food101"] == "food101 has 2 of its 25250 pictures"
    assert "should hold dtd/images/" in written["gaps"]["dtd"]
    page = (tmp_path / "out" / "report.html").read_text()
    told = io.StringIO()
    print_results(Console(file=told, width=300), results)
    for said in written["gaps"].values():
        assert page.count(said) == 1
        assert told.getvalue().count(said) == 1


def dead(folder: Path) -> dict[str, str]:
    """A backbone whose image tower's MLPs are all zero: no edit changes anything."""
    path = write_backbone(folder / "dead", "clip", seed=1) / "open_clip_model.safetensors"
    weights = load_file(path)
    for name in weights:
        if name.startswith("visual") and name.endswith("mlp.c_proj.weight"):
            weights[name].zero_()
    save_file(weights, path)
    return {"kind": "folder", "name": "dead", "folder": str(path.parent)}


def test_a_failed_backbone_is_told_and_the_others_are_as_without_it(
    small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = small(
        name="failing", methods=[{"kind": "uwm"}], policy={"rules": [{"metric": "GS", "floor": 0}]}
    )
    audit(alone, str(tmp_path / "store"), str(tmp_path / "alone"))
    document = alone.model_dump(mode="json")
    document["backbones"].insert(0, dead(tmp_path))
    path, out, store = tmp_path / "audit.yaml", tmp_path / "out", Store(tmp_path / "store")
    YAML().dump(document, path)
    needed = set(recorded(store)["audit failing"])
    assert command(["audit", str(path), "--store", store.url, "--out", str(out)]) == FAILED
    ((name, why),) = json.loads((out / "results.json").read_text())["failures"].items()
    assert name == "dead"
    assert "is 0 and would stay 0" in why
    said = "dead could not be audited"
    assert said in capsys.readouterr().out
    assert said in (out / "report.html").read_text()
    assert said in str(published("audit-failing").data)
    assert "failures" not in json.loads((tmp_path / "alone" / "results.json").read_text())
    assert (out / "results.parquet").read_bytes() == (
        tmp_path / "alone" / "results.parquet"
    ).read_bytes()
    first, second = kept(store, "failing")
    assert (second.failed, second.verdict, second.accepted) == (("dead",), "passed", False)
    assert baseline(store, "failing", None) == first
    with pytest.raises(InputError, match="has none of dead"):
        accept(store, "failing", None)
    assert needed <= set(recorded(store)["audit failing"])


def test_when_the_only_backbone_fails_its_error_is_raised(small: Small, tmp_path: Path) -> None:
    document = small(methods=[{"kind": "uwm"}]).model_dump()
    config = AuditConfig.model_validate({**document, "backbones": [dead(tmp_path)]})
    with pytest.raises(NoEffectError):
        audit(config, str(tmp_path / "store"), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_an_ensemble_of_prompts_is_one_class(small: Small, tmp_path: Path) -> None:
    WRITERS["eurosat"](tmp_path / "data")
    root = tmp_path / "data" / "eurosat" / "2750"
    names = {"AnnualCrop": "crop", "SeaLake": "lake"}
    zeroshot = [
        {"kind": "folder", "name": name, "images": str(root), "classes": names, "template": forms}
        for name, forms in (("one", "a {}."), ("same", ["a {}."]), ("two", ["a {}.", "the {}!"]))
    ]
    config = small(zeroshot=zeroshot, methods=[{"kind": "uwm"}])
    rows = audit(config, str(tmp_path / "store"), str(tmp_path / "out")).rows
    top1 = rows[(rows["metric"] == "top1") & (rows["method"] == "uwm")].set_index("dataset")
    assert top1["value"]["one"] == top1["value"]["same"]
    assert set(top1["n"]) == {2, 6}
    kinds = [kind for kind, _, _ in Store(tmp_path / "store").artifacts()]
    assert kinds.count("tokens") == 2 + 2  # calibration, test; one set of prompts, and the ensemble


def test_no_zero_shot_set_at_all_is_an_error(small: Small, tmp_path: Path) -> None:
    zeroshot = [{"kind": "benchmark", "set": "dtd", "root": str(tmp_path / "nowhere")}]
    config = small(zeroshot=zeroshot, methods=[{"kind": "uwm"}])
    with pytest.raises(SourceError, match=r"is where it should be\n  dtd is not in"):
        audit(config, str(tmp_path / "store"), str(tmp_path / "out"))


def test_one_share_and_factor_for_every_layer_is_the_method_itself(
    small: Small, tmp_path: Path
) -> None:
    layers = [f"{tower}.{block:02d}" for tower in ("image", "text") for block in (0, 1)]
    weights = {f"{name}.{'fc2' if 'image' in name else 'out'}": [0.02, -1] for name in layers}
    nodes = {f"{name}.fc2": [0.1, -1] for name in layers}
    methods = [
        {"kind": "uwm"},
        {"kind": "neurons", "score": "ratio", "scope": "block", "share": 0.1, "alpha": -1},
        {"kind": "layerwise", "name": "weights", "settings": weights},
        {"kind": "layerwise", "name": "nodes", "unit": "node", "settings": nodes},
        {"kind": "random", "of": "nodes", "seeds": 1},
    ]
    config = small(methods=methods)
    results = audit(config, str(tmp_path / "store"), str(tmp_path / "out"))
    rows = results.rows.drop(columns=["control_of", "seed"]).set_index("method")
    for mine, theirs in (("weights", "uwm"), ("nodes", "neurons")):
        one, other = (rows.loc[[method]].reset_index(drop=True) for method in (mine, theirs))
        assert one.equals(other)
    described = {entry["method"]: entry for entry in results.settings["clip"]}
    assert described["nodes"]["text"]["by_layer"]["text.01.fc2"] == [0.1, -1.0]
    assert (
        described["random nodes #0"]["text"]["selected"]
        == (described["neurons"]["text"]["selected"])
    )

    wrong = [{"kind": "layerwise", "settings": {"image.07.fc2": [0.1, -1]}}]
    with pytest.raises(UnknownBlockError, match=r"got image\.07\.fc2"):
        audit(small(methods=wrong), str(tmp_path / "store"), str(tmp_path / "out"))
