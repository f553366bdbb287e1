from pathlib import Path

import pytest

import uwm
from uwm.errors import InputError


def test_a_folder_without_results_is_refused(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text("{}")
    with pytest.raises(InputError, match=r"lacks results\.parquet;"):
        uwm.results(tmp_path)
