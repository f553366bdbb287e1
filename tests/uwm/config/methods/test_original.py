"""The backbone as it is: part of every audit, and changed by nothing."""

from __future__ import annotations

from tests.makers.audits import audit
from uwm.config.methods import Original
from uwm.families import TOWERS


def test_it_changes_no_layer_and_refers_to_nothing() -> None:
    method = Original(kind="original")
    assert (method.name, method.refers_to, method.edits) == ("original", (), None)
    assert all(method.changed_roles[tower] == () for tower in TOWERS)


def test_named_or_not_an_audit_measures_the_backbone_as_it_is() -> None:
    named = audit(methods=[{"kind": "original"}, {"kind": "uwm"}])
    bare = audit(methods=[{"kind": "uwm"}])
    assert [method.name for method in named.edit_methods] == ["uwm"]
    assert named.edit_methods == bare.edit_methods
