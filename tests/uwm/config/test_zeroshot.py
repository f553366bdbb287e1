"""Zero-shot sets of an audit."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from tests.makers.audits import audit
from uwm.config import AuditConfig, Protocol, benchmarks


def zeroshot(*items: dict[str, Any]) -> AuditConfig:
    return audit(zeroshot=list(items))


def test_all_benchmarks_below_one_folder_are_17_sets(tmp_path: Path) -> None:
    config = zeroshot({"kind": "benchmarks", "root": str(tmp_path)})
    assert [data.name for data in config.zeroshot_sets] == list(benchmarks())
    assert len(config.zeroshot_sets) == 17
    assert AuditConfig.model_validate_json(config.model_dump_json()) == config


def test_both_protocols_stand_beside_each_other(tmp_path: Path) -> None:
    items = [
        {"kind": "benchmark", "set": "dtd", "root": str(tmp_path), "protocol": protocol}
        for protocol in get_args(Protocol)
    ]
    assert [data.name for data in zeroshot(*items).zeroshot_sets] == ["dtd", "dtd standard"]
    with pytest.raises(ValidationError, match="more than once: dtd"):
        zeroshot(items[0], items[0])


@pytest.mark.parametrize("template", ["a photo", "a {} and a {}", [], ["a {}.", "x"]])
def test_a_template_has_one_place_for_the_name(template: object, tmp_path: Path) -> None:
    item = {"kind": "folder", "name": "pets", "images": str(tmp_path), "template": template}
    with pytest.raises(ValidationError, match=r"of the class name|at least 1 item"):
        zeroshot(item)


def test_a_data_path_exists_and_a_benchmark_s_root_need_not(tmp_path: Path) -> None:
    zeroshot({"kind": "benchmark", "set": "dtd", "root": str(tmp_path / "nowhere")})
    with pytest.raises(ValidationError, match="a file or a directory"):
        zeroshot({"kind": "parquet", "name": "pets", "data": str(tmp_path / "nowhere")})


def test_sets_of_unsafe_kinds_are_never_judged_or_chosen_on() -> None:
    sets: list[dict[str, Any]] = [
        {"kind": "demo", "set": "objects"},
        {"kind": "demo", "set": "unsafe_objects", "unsafe": True},
    ]
    assert [data.name for data in zeroshot(*sets).knowledge_sets] == ["objects"]
    rule = {"metric": "zero-shot", "floor": 50, "datasets": ["unsafe_objects"]}
    with pytest.raises(ValidationError, match="datasets unsafe_objects"):
        audit(zeroshot=sets, policy={"rules": [rule]})
    validation = {"kind": "demo", "split": "validation"}
    with pytest.raises(ValidationError, match="excludes unsafe_objects"):
        audit(zeroshot=sets[:1], validation=validation, search={"zeroshot": sets[1:]})
