"""Zoos in an audit's file: what they hold is audited, what else lies there is told."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from flows.audit_file.read import read_config
from tests.makers.audit_files import GOOD, problems
from tests.makers.backbones import write_backbone
from tests.makers.runs import audited
from tests.makers.small_audits import DOCUMENT
from uwm.config import AuditConfig


def with_entry(entry: str) -> str:
    return GOOD.replace("{kind: demo, name: vit}", entry)


@pytest.fixture
def folder(tmp_path: Path, zoo: dict[str, Path]) -> Path:
    """A folder of models, beside the file of the audit."""
    folder = tmp_path / "models"
    folder.mkdir()
    for family in ("clip", "coca"):
        (folder / family).symlink_to(zoo[family])
    return folder


def read(tmp_path: Path, entry: str) -> list[str]:
    (tmp_path / "audit.yaml").write_text(with_entry(entry))
    return [item.name for item in read_config(tmp_path / "audit.yaml").backbones]


def test_every_model_of_a_folder_is_a_backbone_and_the_rest_is_told(
    tmp_path: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "notes.txt").touch()
    (folder / "empty").mkdir()
    with caplog.at_level(logging.WARNING):
        assert read(tmp_path, "{kind: zoo, folder: models}") == ["clip", "coca"]
    assert "2 backbones; 2 left out: empty (no " in caplog.text
    assert "notes.txt" in caplog.text


def test_patterns_choose_among_them(
    tmp_path: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert read(tmp_path, "{kind: zoo, folder: models, include: ['c*'], exclude: [coca]}") == [
        "clip"
    ]
    assert "coca (by include and exclude)" in caplog.text


def test_a_zoo_stands_beside_other_backbones(tmp_path: Path, folder: Path) -> None:
    entries = "{kind: demo, name: vit}\n  - {kind: zoo, folder: models}\n  - "
    assert read(tmp_path, entries + "{kind: demo, name: siglip}") == [
        *("vit", "clip", "coca", "siglip")
    ]


def test_a_list_is_read_relative_to_itself(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists" / "zoo.yaml").write_text(
        "- {kind: demo, name: vit}\n- {kind: folder, name: ours, folder: ../models/clip}\n"
    )
    assert read(tmp_path, "{kind: zoo, list: lists/zoo.yaml}") == ["vit", "ours"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{kind: zoo}", "line 3: backbones[0]: a zoo needs either"),
        ("{kind: zoo, folder: nowhere}", "line 3: backbones[0].folder: path does not point"),
        ("{kind: zoo, folder: models, inclde: [a]}", "did you mean 'include'?"),
        ("{kind: zoo, folder: hollow}", "holds no backbone"),
        ("{kind: zoo, list: text.yaml}", "text.yaml should be a list"),
        ("{kind: zoo, list: bad.yaml}", "line 2: [1].name: "),
        ("{kind: zoo, list: bad.yaml, exclude: [a]}", "apply only to the `folder` of a zoo"),
        (
            "{kind: demo, name: vit}\n  - {kind: zoo, folder: twice}",
            "backbones need distinct names; used more than once: vit",
        ),
        (
            "{kind: demo, name: vit}\n  - {kind: zoo, folder: broken}",
            "line 4: backbones[1]: ",
        ),
        ("{kind: zoo, folder: misnamed}", "a name begins with a letter or digit"),
    ],
)
def test_what_is_wrong_with_a_zoo_has_its_line(
    tmp_path: Path, folder: Path, entry: str, said: str
) -> None:
    (tmp_path / "hollow").mkdir()
    (tmp_path / "text.yaml").write_text("just text")
    (tmp_path / "bad.yaml").write_text("- {kind: demo, name: vit}\n- {kind: demo, name: vits}\n")
    shutil.copytree(folder / "clip", tmp_path / "twice" / "vit")
    shutil.copytree(folder / "clip", tmp_path / "misnamed" / "_clip!")
    (tmp_path / "broken" / "one").mkdir(parents=True)
    (tmp_path / "broken" / "one" / "open_clip_config.json").write_text("{}")
    assert said in problems(tmp_path, with_entry(entry))


@pytest.mark.usefixtures("prefect_server")
def test_a_grown_zoo_costs_only_what_is_new(tmp_path: Path) -> None:
    write_backbone(tmp_path / "models" / "one", "clip", seed=1)
    (tmp_path / "audit.yaml").write_text(with_entry("{kind: zoo, folder: models}"))

    def grown() -> AuditConfig:
        found = read_config(tmp_path / "audit.yaml").backbones
        return AuditConfig.model_validate({**DOCUMENT, "backbones": found})

    _, first = audited(grown(), tmp_path)
    assert "Cached" not in first.values()
    _, again = audited(grown(), tmp_path)
    assert set(again.values()) == {"Cached"}
    write_backbone(tmp_path / "models" / "two", "clip", seed=2)
    _, last = audited(grown(), tmp_path)
    ran = {name for name, state in last.items() if state != "Cached"}
    assert ran
    assert all(" · two · " in name for name in ran)
    assert not any(name.startswith(("ingest", "decode")) for name in ran)
