"""The largest weights: one draw, which no seed changes."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from uwm.config import MagnitudeControl
from uwm.config.methods.requests import Draw


def test_there_is_one_such_edit_and_no_seed() -> None:
    assert MagnitudeControl(kind="magnitude", of="uwm").draws == (Draw("largest"),)
    with pytest.raises(ValidationError, match="not permitted"):
        MagnitudeControl.model_validate({"kind": "magnitude", "of": "uwm", "seeds": 2})
