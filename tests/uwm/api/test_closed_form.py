"""Edits in closed form from pairs in memory; `test_repair` holds that they are an audit's."""

from __future__ import annotations

import pytest
import torch

import uwm
from tests.makers.backbones import LoadFresh
from uwm.config import EditMethod, Redirect, RedirectProjection
from uwm.errors import InputError
from uwm.families import TOWERS


def test_a_map_of_the_projection_is_that_map_of_embeddings(load_fresh: LoadFresh) -> None:
    backbone, pairs = load_fresh("clip"), uwm.Pairs.demo(limit=24)
    method = RedirectProjection(kind="redirect_projection", towers=TOWERS)
    edits = uwm.repair(backbone, pairs, method)
    assert repr(edits) == "Edits(image: 1 layers, text: 1 layers)"
    before = uwm.embed(backbone, pairs)
    with edits.applied(backbone):
        after = uwm.embed(backbone, pairs)
    for tower in TOWERS:
        change = edits[tower].projected
        assert change is not None
        inverse = torch.linalg.pinv(change.originals.double())
        matrix = torch.eye(backbone.dim) + change.left @ change.right @ inverse
        for partition in ("safe", "unsafe"):
            was, now = (getattr(each, f"{partition}_{tower}") for each in (before, after))
            mapped = torch.nn.functional.normalize(was.double() @ matrix.T, dim=-1)
            torch.testing.assert_close(now.double(), mapped, rtol=0, atol=1e-4)
    restored = uwm.embed(backbone, pairs)
    assert all(one.equal(other) for one, other in zip(before, restored, strict=True))


@pytest.mark.parametrize("kind", [Redirect, RedirectProjection])
def test_sets_to_preserve_are_an_audits(kind: type[EditMethod], load_fresh: LoadFresh) -> None:
    name = "redirect" if kind is Redirect else "redirect_projection"
    preserve = {"sets": [{"kind": "demo", "set": "objects"}]}
    method = kind.model_validate({"kind": name, "preserve": preserve})
    with pytest.raises(InputError, match="is read by `uwm audit`; here give `phrases`"):
        uwm.repair(load_fresh("clip"), uwm.Pairs.demo(limit=4), method)
