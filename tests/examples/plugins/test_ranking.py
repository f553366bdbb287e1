"""The example section in an audit's file, with no change elsewhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flows.sections.registry import sections
from tests.makers.tables import CONFIG, results
from uwm.config import AuditConfig
from uwm.errors import InputError

RANKING = str(Path(__file__).parents[3] / "examples" / "plugins" / "ranking.py:Ranking")


def with_ranking(**settings: object) -> AuditConfig:
    return AuditConfig.model_validate(
        {**CONFIG.model_dump(), "sections": [{"kind": RANKING, **settings}]}
    )


def test_the_best_methods_are_shown_and_told() -> None:
    config = with_ranking(top=1)
    ranking = sections(config)[-1]
    found = replace(results(gain=5, control=9), config=config)
    assert ranking.sentences(found) == ["vit: the best P_t_u is that of uwm, 15.0 %."]
    html = ranking.html(found)
    assert "<h2>Best by P_t_u</h2>" in html
    assert "14.0 to 16.0" in html
    assert ranking.html(found) == html


def test_a_metric_that_the_audit_has_not_is_refused_before_it_runs() -> None:
    with pytest.raises(InputError, match="by a metric of the audit; got 'P_x'"):
        sections(with_ranking(metric="P_x"))
