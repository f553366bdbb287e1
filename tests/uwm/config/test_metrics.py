"""Metrics that a configuration names: found where the file says, or told with their line."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from uwm.config.metrics import MetricReferences, refuse

REFERENCES: TypeAdapter[tuple[str, ...]] = TypeAdapter(MetricReferences)
OWN = """
from uwm.metrics.registry import Metric
OWN = Metric(name="own", label="own", explain="one's own.", outcome="a:b")
"""


def test_a_path_is_relative_to_the_file_of_the_audit(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    found = REFERENCES.validate_python(("own.py:OWN",), context={"folder": tmp_path})
    assert found == (f"{tmp_path}/own.py:OWN",)
    assert REFERENCES.validate_python(found) == found  # wherever it is read again


def test_what_names_no_metric_or_one_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    with pytest.raises(ValidationError, match="defines no OTHER") as caught:
        REFERENCES.validate_python(("own.py:OTHER",), context={"folder": tmp_path})
    assert caught.value.errors()[0]["loc"] == (0,)
    with pytest.raises(ValidationError, match="these are taken: own"):
        REFERENCES.validate_python(("own.py:OWN",) * 2, context={"folder": tmp_path})


def test_every_problem_is_told_with_its_place() -> None:
    refuse("audit", [])
    with pytest.raises(ValidationError) as caught:
        refuse("audit", [(("a", 0), "first", 1), (("b",), "{second}", 2)])
    assert [(error["loc"], error["msg"]) for error in caught.value.errors()] == [
        (("a", 0), "first"),
        (("b",), "{second}"),
    ]
