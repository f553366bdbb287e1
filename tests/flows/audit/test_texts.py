import dataclasses
from pathlib import Path
from typing import Any

import pytest
from prefect import flow

from flows.audit.backbone import read_inputs
from flows.audit.texts import ALIKE, unread_texts
from flows.stages.stages import Stages
from storage.store.store import Store
from tests.makers.backbones import LoadFresh
from tests.makers.pair_layouts import manifest, quadruples
from uwm.errors import SourceError


@pytest.fixture
def unread(tmp_path: Path, load_fresh: LoadFresh, prefect_server: None) -> Any:
    """What `unread_texts` finds in a set of ten pairs, one of which differs behind the context."""
    rows = quadruples(10)
    scene = "a wide street with trees and people and cars in the evening light of a town " * 8
    texts = {"safe": f"{scene} a dog", "unsafe": f"{scene} a gun"}
    rows[4] = dataclasses.replace(rows[4], texts=texts)

    def found(max_quarantined: float) -> Any:
        data = manifest(tmp_path, rows, max_quarantined=max_quarantined)

        @flow
        def of_one_backbone() -> Any:
            stages = Stages(Store(tmp_path / "store"), load_fresh("clip"), "clip", 16, seed=0)
            try:
                return unread_texts(stages, 0, {"mine": data}, read_inputs(stages, {"mine": data}))
            finally:
                stages.wait()

        return of_one_backbone()

    return found


def test_texts_that_are_cut_and_pairs_that_become_equal_are_counted(unread: Any) -> None:
    left_out, told = unread(0.1)
    assert left_out == {"mine": {ALIKE: 1}}
    assert "2 of 20 texts of mine are longer than that and cut off" in told[0]
    assert "1 pair of mine have texts that are the same" in told[1]


def test_more_such_pairs_than_may_be_quarantined_stop_the_backbone(unread: Any) -> None:
    with pytest.raises(
        SourceError, match=r"1 of 10 rows cannot be used.*\n.*1004: safe and unsafe.*cut off"
    ):
        unread(0.05)
