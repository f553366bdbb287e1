"""A metric of one's own goes through a whole audit without a change of the product."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from rich.console import Console

from flows.audit.flow import audit
from flows.report.terminal import print_results
from flows.results.table import summary
from tasks.metrics import metric_plugins, metrics_with
from uwm.config import AuditConfig
from uwm.errors import MetricError

pytestmark = pytest.mark.usefixtures("prefect_server")

MARGIN = Path(__file__).parents[3] / "examples/plugins/margin.py"
Small = Callable[..., AuditConfig]


def with_margin(small: Small, path: Path = MARGIN, **rule: float) -> AuditConfig:
    methods = [{"kind": "original"}, {"kind": "neurons", "share": [0.1, 0.2]}]
    rules = [{"metric": "margin_t_u", **rule}]
    policy = {"policy": {"rules": rules}} if rule else {}
    return small("clip", methods=methods, metrics=[f"{path}:MARGIN"], **policy)


def test_it_is_in_the_tables_the_report_and_the_verdict(
    small: Small, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = with_margin(small, floor=1.5, max_fall=0.1)
    results = audit(config, str(tmp_path / "store"), str(tmp_path / "out"))

    rows = pd.read_parquet(tmp_path / "out/results.parquet").query("metric == 'margin_t_u'")
    assert set(rows["method"]) == {"original", "neurons"}
    assert rows["concept"].nunique() == 11  # ten, and all together
    whole = rows[rows["concept"] == ""].set_index("method")
    value, low, high, change = (
        whole[name].to_numpy() for name in ("value", "low", "high", "change")
    )
    assert (np.abs(value) < 2).all()
    assert (low < value).all()
    assert (value < high).all()
    original = float(whole["value"].to_dict()["original"])
    assert np.allclose(change, value - original)
    unchanged = whole.loc[["original"], ["change", "change_low", "change_high"]]
    assert (unchanged.to_numpy() == 0).all()

    assert "margin" in summary(results).columns
    print_results(Console(width=200), results)
    assert "margin" in capsys.readouterr().out
    page = (tmp_path / "out/report.html").read_text()
    assert "<b>margin</b>, in cosine" in page
    assert f"{original:.3f}" in page

    assert results.verdict is not None
    assert {check.metric for check in results.verdict.broken} == {"margin_t_u"}
    verdict = json.loads((tmp_path / "out/results.json").read_text())["verdict"]
    assert "below the floor of 1.5" in verdict["checks"][0]["broken"]


def test_its_change_between_audits_is_paired_and_judged_in_its_unit(
    small: Small, tmp_path: Path
) -> None:
    config = with_margin(small, max_fall=0.0)
    for _ in range(2):
        results = audit(config, str(tmp_path / "store"), str(tmp_path / "out"))
    assert results.verdict is not None
    assert {check.basis for check in results.verdict.checks} == {"unchanged"}
    again = AuditConfig.model_validate({**config.model_dump(), "resamples": 200})
    results = audit(again, str(tmp_path / "store"), str(tmp_path / "out"))
    assert results.verdict is not None
    assert {check.basis for check in results.verdict.checks} == {"paired"}
    assert results.verdict.passed


def test_its_code_is_in_the_address_of_what_it_measures_and_its_path_is_not(
    tmp_path: Path,
) -> None:
    copy = tmp_path / "copy.py"
    shutil.copy(MARGIN, copy)
    (here,), (there,) = (metric_plugins([f"{path}:MARGIN"]) for path in (MARGIN, copy))
    assert here.model_dump() == there.model_dump()
    copy.write_text(copy.read_text().replace("return safe - unsafe", "return 2 * (safe - unsafe)"))
    (changed,) = metric_plugins([f"{copy}:MARGIN"])
    assert changed.code != here.code
    with pytest.raises(MetricError, match="has changed since"):
        metrics_with([there])


@pytest.mark.parametrize(
    ("changes", "place", "said"),
    [
        ({"metrics": ["nowhere.py:MARGIN"]}, ("metrics", 0), "cannot read the plugin"),
        ({"metrics": [f"{MARGIN}:margin"]}, ("metrics", 0), "is of type function"),
        ({"metrics": [f"{MARGIN}:MARGIN"] * 2}, ("metrics",), "taken: margin_t_u"),
        ({"floor": 3.0}, ("policy", "rules", 0, "floor"), "lies between -2 and 2"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(
    small: Small, changes: dict[str, object], place: tuple[str | int, ...], said: str
) -> None:
    config = with_margin(small, floor=0.0).model_dump()
    if "floor" in changes:
        config["policy"]["rules"][0]["floor"] = changes["floor"]
    else:
        config |= changes
    with pytest.raises(ValidationError, match=said) as error:
        AuditConfig.model_validate(config)
    assert [problem["loc"] for problem in error.value.errors()] == [place]
