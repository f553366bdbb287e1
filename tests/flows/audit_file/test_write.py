"""Whatever audit is written to a file is read back as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from flows.audit_file.read import read_outline
from flows.audit_file.write import write_config
from tests.makers.audits import audit, zoo
from uwm.config import AuditConfig


def written(config: AuditConfig, path: Path) -> AuditConfig:
    write_config(path, config)
    return read_outline(path)


def test_an_audit_survives_its_file(tmp_path: Path) -> None:
    assert written(zoo(tmp_path), tmp_path / "a.yaml") == zoo(tmp_path)


@pytest.mark.parametrize("backbone", ["vit", "siglip", "coca"])
def test_every_one_backbone_part_survives_json_and_its_file(backbone: str, tmp_path: Path) -> None:
    part = zoo(tmp_path).narrowed(backbones=[backbone])
    assert [item.name for item in part.backbones] == [backbone]
    assert AuditConfig.model_validate_json(part.model_dump_json()) == part
    assert written(part, tmp_path / "a.yaml") == part


def test_classes_of_one_s_own_are_read_back(tmp_path: Path) -> None:
    plugins = Path(__file__).parents[3] / "examples" / "plugins"
    config = audit(
        validation={"kind": "demo", "split": "validation"},
        methods=[{"kind": f"{plugins}/unneeded.py:Unneeded", "tau": [0.01, 0.05]}],
        sections=[{"kind": f"{plugins}/ranking.py:Ranking", "top": 2}],
        metrics=[f"{plugins}/margin.py:MARGIN"],
    )
    assert written(config, tmp_path / "a.yaml") == config


def test_what_is_written_names_its_files_from_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    backbones = [{"kind": "folder", "name": "mine", "folder": "model"}]
    relative = zoo(tmp_path).model_dump() | {"backbones": backbones, "methods": [{"kind": "uwm"}]}
    relative |= {"policy": None, "held_out": None, "drift": None}
    write_config(tmp_path / "a.yaml", AuditConfig.model_validate(relative))
    content = YAML(typ="safe").load((tmp_path / "a.yaml").read_text())
    assert content["backbones"][0]["folder"] == str(tmp_path / "model")
