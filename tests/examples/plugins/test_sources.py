"""The example pair source and place for weights, in an audit's file, with no change elsewhere."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from flows.audit_file.read import read_config
from flows.plan.plan import make_plan
from storage.sources import read_source
from storage.store.store import Store
from tests.makers.audits import audit
from tests.makers.packages import install
from tests.makers.pair_layouts import jpeg
from uwm.backbones.load import load
from uwm.config import AuditConfig, FolderBackbone
from uwm.errors import ConfigError, SourceError

PLUGINS = Path(__file__).parents[3] / "examples" / "plugins"


@pytest.fixture
def audit_file(tmp_path: Path, zoo: dict[str, Path]) -> Path:
    """An audit of a model in a registry, with pairs in folders, beside copies of both plugins."""
    for plugin in ("paired_folders.py", "model_registry.py"):
        shutil.copy(PLUGINS / plugin, tmp_path)
    for version, family in ((1, "coca"), (2, "clip")):
        shutil.copytree(zoo[family], tmp_path / "registry" / "ours" / str(version))
    for number, part in enumerate(("safe", "unsafe")):
        for name in ("one", "two", "three"):
            folder = tmp_path / "data" / part / "theft"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.png").write_bytes(jpeg(len(name) + 10 * number))
            (folder / f"{name}.txt").write_text(f"a {part} picture, {name}")
    pairs = "{kind: paired_folders.py:PairedFolders, name: mine, root: data}"
    path = tmp_path / "audit.yaml"
    path.write_text(
        "backbones:\n"
        "  - {kind: model_registry.py:RegistryBackbone, name: ours, root: registry, model: ours}\n"
        f"calibration: {pairs}\n"
        f"benchmarks: [{pairs}]\n"
        "methods: [{kind: uwm}]\n"
    )
    return path


def test_an_audit_s_file_may_name_a_source_and_a_place_of_one_s_own(
    audit_file: Path, tmp_path: Path, zoo: dict[str, Path]
) -> None:
    config = read_config(audit_file)
    source = read_source(config.calibration)
    assert source.rows["id"].tolist() == ["theft/one.png", "theft/three.png", "theft/two.png"]
    assert source.texts["unsafe"][0] == "a unsafe picture, one"
    ours = load.__wrapped__(config.backbones[0])
    same = load.__wrapped__(FolderBackbone(kind="folder", folder=zoo["clip"], name="same"))
    assert ours.tower_digest("image") == same.tower_digest("image")
    plan = make_plan(config, Store(str(tmp_path / "store")))
    assert plan.missing > 0
    assert {row.backbone for row in plan.rows} == {"ours"}


def test_a_zero_shot_set_of_one_s_own_is_read_and_told_where_it_is_wrong(tmp_path: Path) -> None:
    shutil.copy(PLUGINS / "labelled_table.py", tmp_path)
    rows = [("cat.png", "cat"), ("dog.png", "dog"), ("cat2.png", "cat")]
    for number, (name, _) in enumerate(rows):
        (tmp_path / name).write_bytes(jpeg(number))
    table = tmp_path / "labels.csv"
    table.write_text("picture,class\n" + "".join(f"{name},{kind}\n" for name, kind in rows))
    kind = f"{tmp_path}/labelled_table.py:LabelledTable"
    config = audit(zeroshot=[{"kind": kind, "name": "mine", "table": str(table)}])
    (data,) = config.zeroshot_sets
    source = read_source(data)
    assert source.rows["label"].tolist() == [0, 1, 0]
    assert source.read(source.images["images"][1]) == jpeg(1)
    table.write_text("file,class\ncat.png,cat\n")
    with pytest.raises(SourceError, match="columns picture and class"):
        read_source(data)


def test_a_package_offers_a_source_a_method_and_a_metric_by_name(
    audit_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The examples as a package that is installed: its entry points are kinds in the file."""
    site = tmp_path / "site"
    site.mkdir()
    for module in ("margin.py", "paired_folders.py", "unneeded.py"):
        shutil.copy(PLUGINS / module, site)
    offered = (
        "[uwm.sources]\nfolders = paired_folders:PairedFolders\n"
        "[uwm.methods]\nunneeded = unneeded:Unneeded\n"
        "[uwm.metrics]\nmargin = margin:MARGIN\n"
    )
    install(site, "examples", "", offered)
    monkeypatch.syspath_prepend(site)
    text = audit_file.read_text().replace("paired_folders.py:PairedFolders", "folders")
    audit_file.write_text(text.replace("kind: uwm}", "kind: unneeded}") + "metrics: [margin]\n")
    config = read_config(audit_file)
    assert len(read_source(config.calibration).rows) == 3
    assert [method.name for method in config.edit_methods] == ["unneeded"]
    assert "margin_t_u" in config.measured
    assert AuditConfig.model_validate_json(config.model_dump_json()) == config
    plan = make_plan(config, Store(str(tmp_path / "store")))
    assert any("score" in row.stage for row in plan.rows)


def test_what_is_written_of_such_an_audit_is_read_back_anywhere(audit_file: Path) -> None:
    config = read_config(audit_file)
    assert AuditConfig.model_validate_json(config.model_dump_json()) == config


def test_settings_of_a_plugin_are_checked_with_their_line(audit_file: Path) -> None:
    audit_file.write_text(audit_file.read_text().replace("model: ours}", "modle: ours}"))
    with pytest.raises(ConfigError, match=r"line 2: backbones\[0\]\.modle: unknown key"):
        read_config(audit_file)


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("nowhere.py:PairedFolders", "nowhere.py"),
        ("paired_folders.py:Nothing", "defines no Nothing"),
        ("model_registry.py:RegistryBackbone", "not a subclass of uwm.config.pairs.PairSet"),
        ("tabels", "did you mean 'tables'"),
    ],
)
def test_a_kind_that_is_none_is_told_with_its_line(audit_file: Path, kind: str, said: str) -> None:
    text = audit_file.read_text().replace(
        "calibration: {kind: paired_folders.py:PairedFolders", f"calibration: {{kind: {kind}"
    )
    audit_file.write_text(text)
    with pytest.raises(ConfigError, match="line 3") as caught:
        read_config(audit_file)
    assert said in str(caught.value)
