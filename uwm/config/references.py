"""Remove references by name to parts that an audit no longer has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from uwm.config.generalisation import Drift, HeldOut
from uwm.config.methods import Method, Original
from uwm.config.policy import Policy, Rule
from uwm.config.zeroshot import separate
from uwm.metrics.registry import Metrics


def standing(methods: Sequence[Method], backbones: Collection[str]) -> tuple[Method, ...]:
    """The methods that remain on some backbones, in order; the original alone if none does.

    A method that brings weights keeps those for `backbones`. One without any weights left is
    removed together with what refers to it: edits of its weights, and controls of those edits.
    """
    found = {method.name: left for method in methods if (left := method.of_backbones(backbones))}
    while lost := [name for name, method in found.items() if {*method.refers_to} - {*found}]:
        for name in lost:
            del found[name]
    return tuple(found.values()) or (Original(kind="original"),)


def without_dangling(audit: Mapping[str, Any], metrics: Metrics) -> dict[str, Any]:
    """An audit's fields with unknown names removed from its policy, `held_out` and `drift`.

    A rule or section that named only removed parts is removed: without names it would apply to all.

    Args:
        audit: values of the audit's fields, each already validated by itself.
        metrics: the metrics of the audit.
    """
    methods: Sequence[Method] = audit["methods"]
    edits = [edits for method in methods if (edits := method.edits) and edits.rescored]
    rescored = {method.name for method in edits}
    selecting = {method.name for method in edits if method.selects}
    changes: dict[str, Any] = {}
    if policy := audit.get("policy"):
        changes["policy"] = _policy(policy, audit, metrics)
    if held_out := audit.get("held_out"):
        kept = _kept(held_out.methods, rescored)
        changes["held_out"] = (
            HeldOut.model_validate({**dict(held_out), "methods": kept}) if kept else None
        )
    if drift := audit.get("drift"):
        kept = _kept(drift.methods, selecting)
        stays = kept or (selecting and not drift.methods)
        changes["drift"] = Drift.model_validate({**dict(drift), "methods": kept}) if stays else None
    return {**audit, **changes}


def _policy(policy: Policy, audit: Mapping[str, Any], metrics: Metrics) -> Policy | None:
    sets = {data.name for data in separate(audit.get("zeroshot", ())) if not data.unsafe}
    has = {
        "methods": {method.name for method in audit["methods"] if not method.control},
        "backbones": {backbone.name for backbone in audit["backbones"]},
    }
    benchmarks = {data.name for data in audit["benchmarks"]}
    rules = []
    for rule in policy.rules:
        zeroshot = metrics.by_rule_name[rule.metric].data == "zero-shot"
        measured = sets if zeroshot else benchmarks
        if measured and (left := _rule(rule, {**has, "datasets": measured})):
            rules.append(left)
    return Policy.model_validate({**dict(policy), "rules": rules}) if rules else None


def _rule(rule: Rule, has: Mapping[str, Collection[str]]) -> Rule | None:
    changes = {}
    for part, names in has.items():
        named: tuple[str, ...] = getattr(rule, part)
        changes[part] = _kept(named, names)
        if named and not changes[part]:
            return None
    return Rule.model_validate({**dict(rule), **changes})


def _kept(names: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name in known)
