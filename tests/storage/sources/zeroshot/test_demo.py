from typing import get_args

import pytest

from storage.files.pictures import decode
from storage.sources import read_source
from uwm.config import DemoZeroShot


@pytest.mark.parametrize("name", get_args(DemoZeroShot.model_fields["set"].annotation))
def test_the_shipped_sets_are_read(name: str) -> None:
    source = read_source(DemoZeroShot(kind="demo", set=name))
    assert set(source.rows["label"]) == set(range(len(source.texts)))
    assert (source.rows["times"] == 1).all()
    assert all(
        class_name in prompt
        for class_name, prompt in zip(source.classes["name"], source.texts["prompts"], strict=True)
    )
    decode(source.read(source.images["images"][0]), "first")
