"""Which code stands in the address of which artifact."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage.store import code
from storage.store.store import Spec
from tasks.capture import StatisticsSpec
from tasks.edit import EditSpec, RandomEditSpec
from tasks.embed import EmbeddingsSpec
from tasks.inputs import DatasetSpec, PixelsSpec, TokensSpec
from tasks.score import ScoresSpec
from tests.conftest import LoadFresh
from uwm.backbones.backbone import Backbone


def codes(backbone: Backbone) -> dict[str, str]:
    """The digest of its code per stage, which later stages have in their inputs' digests."""
    code.code_digest.cache_clear()
    dataset = DatasetSpec.of("content")
    tokens = TokensSpec.of(dataset, backbone)
    statistics = StatisticsSpec.of(backbone, "text", ("out",), tokens)
    scores = ScoresSpec.of(statistics, "weight", "ratio", ("out",))
    edit = EditSpec.of(scores, "mass", 0.1, -1)
    specs: dict[str, Spec] = {
        "dataset": dataset,
        "pixels": PixelsSpec.of(dataset, backbone.geometry),
        "tokens": tokens,
        "statistics": statistics,
        "scores": scores,
        "edit": edit,
        "random edit": RandomEditSpec.of(edit, 0),
        "embeddings": EmbeddingsSpec.of(backbone, "text", None, tokens),
    }
    return {name: spec.code for name, spec in specs.items()}


@pytest.fixture
def fresh() -> Iterator[None]:
    yield
    code.code_digest.cache_clear()


@pytest.mark.parametrize(
    ("module", "stages"),
    [
        ("storage.formats.datasets", {"dataset"}),
        ("storage.files.pictures", {"pixels"}),
        ("storage.formats.samples", {"pixels", "tokens", "statistics", "embeddings"}),
        ("storage.formats.statistics", {"statistics"}),
        ("storage.formats.scores", {"scores"}),
        ("uwm.method.edit_files", {"edit", "random edit", "embeddings"}),
        ("storage.store.store", set()),
    ],
)
def test_code_that_decides_what_a_stage_writes_is_in_its_address(
    fresh: None,
    load_fresh: LoadFresh,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    stages: set[str],
) -> None:
    backbone = load_fresh("clip")
    before, source = codes(backbone), code._source
    monkeypatch.setattr(
        code, "_source", lambda name: source(name) + "\nCHANGED = 1\n" * (name == module)
    )
    after = codes(backbone)
    assert {name for name in before if before[name] != after[name]} == stages
