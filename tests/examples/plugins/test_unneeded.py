"""The example method on existing statistics; `tests.uwm.api.test_repair` audits it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import uwm
from flows.audit_file.read import read_config
from tests.makers.audit_files import GOOD, problems
from tests.makers.backbones import LoadFresh
from uwm.config import EditMethod, Method
from uwm.config.methods import METHODS
from uwm.families import TOWERS

FILE = Path(__file__).parents[3] / "examples" / "plugins" / "unneeded.py"


def method(**settings: object) -> EditMethod:
    kind = f"{FILE}:Unneeded"
    found: Method = METHODS.named(kind).model_validate({"kind": kind, **settings})
    assert isinstance(found, EditMethod)
    return found


def test_what_safe_content_needs_is_never_edited(load_fresh: LoadFresh) -> None:
    backbone, pairs = load_fresh("clip"), uwm.Pairs.demo(limit=16)
    few, many = (
        uwm.repair(backbone, pairs, method(tau=0.5, spared=spared)) for spared in (1e-6, 0.5)
    )
    for tower in TOWERS:
        for layer in uwm.find_layers(backbone.model, tower, method().roles[tower]):
            weight = layer.weight(backbone.model)
            needed = uwm.WeightScore(weight, "unsafe_only")
            safe = uwm.capture(backbone, tower, [layer], pairs.inputs(backbone, tower, "safe"))
            needed.update(safe[layer.input], safe[layer.input])
            kept = needed.result().flatten().argsort(descending=True)[: weight.numel() // 2]
            edited = many[tower].layers[layer.id].indices
            assert not torch.isin(kept, edited).any()
            assert torch.isin(kept, few[tower].layers[layer.id].indices).any()


def test_it_stands_in_an_audits_file_as_ours_do(tmp_path: Path) -> None:
    own = f"  - {{kind: {FILE}:Unneeded, tau: [0.01, 0.05]}}\n  - {{kind: random, of: unneeded}}\n"
    validation = "validation: {kind: demo, split: validation}\n"
    (tmp_path / "audit.yaml").write_text(GOOD + own + validation)
    config = read_config(tmp_path / "audit.yaml")
    assert [item.name for item in config.edit_methods] == ["uwm", "unneeded"]
    assert config.captured_roles("image") == ("fc2",)
    assert [item.name for item in config.rescored_methods] == ["uwm", "unneeded"]
    assert type(config).model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("spared: 1", "line 10: methods[1].spared: input should be less than 1"),
        ("spare: 0.1", "line 10: methods[1].spare: unknown key; did you mean 'spared'?"),
        ("alpha: 1", "line 10: methods[1].alpha: alpha 1 leaves every weight unchanged"),
        ("tau: [0.1, 0.2]", "needs `validation` pairs"),
    ],
)
def test_its_settings_are_checked_with_their_line(settings: str, said: str, tmp_path: Path) -> None:
    assert said in problems(tmp_path, GOOD + f"  - {{kind: {FILE}:Unneeded, {settings}}}\n")
