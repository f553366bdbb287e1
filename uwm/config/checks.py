"""Checks across the parts of an audit; each part has already been validated by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uwm.config.metrics import refuse
from uwm.config.reserved import reserved_names

if TYPE_CHECKING:
    from uwm.config.audit import AuditConfig


def check_audit(audit: AuditConfig) -> None:
    """Raise ValueError (or ValidationError) where parts of an audit contradict each other."""
    _check_names(audit)
    _check_references(audit)
    _check_generalisation(audit)
    _check_policy(audit)
    _check_search(audit)


def _check_names(audit: AuditConfig) -> None:
    refuse("audit", reserved_names(audit))
    for part, names in (
        ("backbones", [item.name for item in audit.backbones]),
        (
            "benchmarks and zero-shot sets",
            [
                *(data.name for data in audit.benchmarks),
                *(data.name for data in audit.zeroshot_sets),
            ],
        ),
        ("methods", [method.name for method in audit.methods]),
    ):
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{part} need distinct names; used more than once: {', '.join(twice)}")


def _check_references(audit: AuditConfig) -> None:
    """Check that what one method says of another, or of a backbone, exists in the audit."""
    editing = {method.name: method for method in audit.edit_methods}
    for control in audit.controls:
        if control.of not in editing:
            raise ValueError(
                "`of` must name an editing method of this audit "
                f"({', '.join(sorted(editing)) or 'it has none'}); got {control.of!r}"
            )
        if editing[control.of].selects != control.of_selections:
            sort = "select weights" if control.of_selections else "redirect"
            raise ValueError(
                f"a control of kind {control.kind} is for methods that {sort}; got {control.of!r}"
            )
        leads = {draw.by for draw in control.draws} - {*editing[control.of].misleading}
        if not control.of_selections and leads:
            raise ValueError(
                f"{control.of} has no pairs that a control of kind {control.kind} could lead "
                "elsewhere; take `random_direction`"
            )
    if audit.validation is None and any(method.chooses for method in audit.methods):
        raise ValueError("a method with a grid needs `validation` pairs to choose on")
    for rule in (audit.choice, *(audit.rule_for(method.name) for method in audit.methods)):
        rule.check(audit.measured)
    measured = {data.name for data in audit.zeroshot_sets}
    for name, preserved in [(item.name, item.preserved_sets) for item in audit.edit_methods]:
        if both := sorted(measured & {data.name for data in preserved}):
            raise ValueError(
                f"{name} must not preserve sets that the audit measures ({', '.join(both)}), "
                "because its results on them would be too good; preserve other sets"
            )
    backbones = [backbone.name for backbone in audit.backbones]
    for method in audit.methods:
        if unknown := sorted({*method.named_backbones} - {*backbones}):
            raise ValueError(
                f"{method.name} has weights for {', '.join(unknown)}, but this audit has only the "
                f"backbones {', '.join(backbones)}"
            )
    bases = [method.name for method in audit.weight_methods]
    for edit in audit.edit_methods:
        if edit.base is not None and edit.base not in bases:
            raise ValueError(
                f"the base of {edit.name} must be a method of kind checkpoint or safe_clip "
                f"({', '.join(bases) or 'the audit has none'}); got {edit.base!r}"
            )


def _check_generalisation(audit: AuditConfig) -> None:
    """Check that `held_out` and `drift` name methods and benchmarks of the audit that suit them."""
    known = [method.name for method in audit.rescored_methods]
    for section, asked in (("held_out", audit.held_out), ("drift", audit.drift)):
        if asked and (unknown := [name for name in asked.methods if name not in known]):
            raise ValueError(
                f"{section} needs methods of this audit that are computed from the calibration set "
                f"({', '.join(known) or 'it has none'}); got {', '.join(unknown)}"
            )
    selecting = [method.name for method in audit.rescored_methods if method.selects]
    if audit.drift and (others := [name for name in audit.drift.methods if name not in selecting]):
        raise ValueError(
            f"drift compares which weights are selected, but {', '.join(others)} selects none; "
            f"methods that do: {', '.join(selecting) or 'none in this audit'}"
        )
    if audit.drift and not selecting:
        raise ValueError("drift compares edits, but no method of this audit selects weights")
    names = [data.name for data in audit.benchmarks]
    if audit.held_out and audit.held_out.benchmark not in (None, *names):
        raise ValueError(
            f"the benchmark of held_out must be one of this audit's ({', '.join(names)}); "
            f"got {audit.held_out.benchmark!r}"
        )


def _check_policy(audit: AuditConfig) -> None:
    """Check that policy rules name methods, backbones and data sets of the audit."""
    known = {
        "methods": [method.name for method in audit.methods if not method.control],
        "backbones": [backbone.name for backbone in audit.backbones],
    }
    benchmarks = [data.name for data in audit.benchmarks]
    sets = [data.name for data in audit.knowledge_sets]
    for rule in audit.policy.rules if audit.policy else ():
        zeroshot = audit.measured.by_rule_name[rule.metric].data == "zero-shot"
        if zeroshot and not sets:
            raise ValueError(
                f"a policy rule is for {rule.metric}, but the audit has no zero-shot set to "
                "measure it on; add one or drop the rule"
            )
        has = {**known, "datasets": sets if zeroshot else benchmarks}
        for part, names in has.items():
            if unknown := sorted({*getattr(rule, part)} - {*names}):
                raise ValueError(
                    f"the policy rule for {rule.metric} cannot apply to the {part} "
                    f"{', '.join(unknown)}; it can apply to {', '.join(names)}"
                )


def _check_search(audit: AuditConfig) -> None:
    """Check that a search chooses on other data than those that results are reported on."""
    if audit.search is None:
        return
    if audit.validation is None:
        raise ValueError("a search needs `validation` pairs to choose on")
    if audit.validation in audit.benchmarks:
        raise ValueError(
            f"a search chooses on {audit.validation.name}, so it must not be a benchmark too"
        )
    if unsafe := [data.name for data in audit.search.zeroshot if data.unsafe]:
        raise ValueError(
            "a search chooses on zero-shot sets that measure knowledge, but `unsafe: true` "
            f"excludes {', '.join(unsafe)} from these"
        )
    claimed = {data.name for data in audit.zeroshot_sets}
    if both := sorted(claimed & {data.name for data in audit.search.zeroshot}):
        raise ValueError(
            "a search must choose on zero-shot sets that the audit does not measure; "
            f"both name {', '.join(both)}"
        )
