"""An audit of fewer parts says nothing of those that are gone."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest

from tests.makers.audits import zoo
from uwm.config import AuditConfig, Checkpoint, Method


def names(config: AuditConfig) -> list[str]:
    return [method.name for method in config.methods]


def named(config: AuditConfig, name: str) -> Method:
    return next(method for method in config.methods if method.name == name)


def test_all_of_an_audit_is_the_audit(tmp_path: Path) -> None:
    config = zoo(tmp_path)
    assert config.narrowed() == config
    every = [backbone.name for backbone in config.backbones]
    assert config.narrowed(backbones=every, methods=names(config)) == config


def test_weights_of_other_backbones_go_with_all_that_stands_on_them(tmp_path: Path) -> None:
    config = zoo(tmp_path)
    coca = config.narrowed(backbones=["coca"])
    assert {*names(config)} - {*names(coca)} == {"one", "on one", "random on one"}
    two = named(coca, "two")
    assert isinstance(two, Checkpoint)
    assert list(two.weights) == ["coca"]
    siglip = config.narrowed(backbones=["siglip"])
    assert {*names(coca)} - {*names(siglip)} == {"two", "on two"}
    assert names(config.narrowed(backbones=["vit"])) == names(config)


def test_rules_lose_names_and_go_when_they_have_none_left(tmp_path: Path) -> None:
    config = zoo(tmp_path)
    siglip, coca = (config.narrowed(backbones=[name]).policy for name in ("siglip", "coca"))
    assert siglip is not None
    assert coca is not None
    assert [(rule.methods, rule.backbones) for rule in siglip.rules] == [
        ((), ()),
        (("uwm",), ("siglip",)),
        ((), ()),
    ]
    assert len(coca.rules) == 2  # the second one was for other backbones alone
    assert siglip.against == coca.against
    assert siglip.rules[-1].datasets == ("objects",)


def test_sections_are_for_methods_that_are_there(tmp_path: Path) -> None:
    left = zoo(tmp_path).narrowed(methods=["g_unsafe"])
    assert (left.held_out, left.drift) == (None, None)
    assert names(zoo(tmp_path).narrowed(methods=[])) == ["original"]


def test_rules_for_sets_that_are_missing_are_left_out(tmp_path: Path) -> None:
    config = zoo(tmp_path)
    assert config.policy is not None
    for sets, left in ((config.zeroshot[:1], 3), ((), 3), (config.zeroshot[1:], 4)):
        policy = config.altered(zeroshot=sets).policy
        assert policy is not None
        assert len(policy.rules) == left


@pytest.mark.parametrize("count", [1, 2])
def test_every_part_is_an_audit(count: int, tmp_path: Path) -> None:
    config = zoo(tmp_path)
    for backbones in combinations([backbone.name for backbone in config.backbones], count):
        for methods in combinations(names(config), count):
            part = config.narrowed(backbones, methods)
            assert AuditConfig.model_validate(part.model_dump(mode="json")) == part
