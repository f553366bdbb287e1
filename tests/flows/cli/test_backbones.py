import re
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants
from rich.console import Console

from flows.cli.backbones import models, print_models
from uwm.backbones.catalog import built_in
from uwm.backbones.hub import obtain
from uwm.backbones.pretrained import tags
from uwm.errors import InputError
from uwm.families import FAMILIES


def test_every_model_has_a_row() -> None:
    rows = models()
    assert {row.model for row in rows} == set(built_in())
    (row,) = models("vit-b-32-quickGELU")
    assert (row.pixels, row.dim, row.tags) == ((224, 224), 512, tuple(tags("ViT-B-32-quickgelu")))
    assert getattr(row.families["text"], "name", None) == "native text"


def test_the_table_names_every_family_and_its_roles() -> None:
    console = Console(width=140)
    print_models(console, models())  # for who reads the test's output
    with console.capture() as told:
        print_models(console, models())
    for family in FAMILIES:
        assert f"{family.name} has {', '.join(family.roles)}" in told.get()


def test_why_nothing_can_be_edited_is_said_shortly() -> None:
    (row,) = models("RN50x64-quickgelu")
    assert "ResNet" in str(row.families["image"])
    assert ";" not in str(row.families["image"])


def test_a_pattern_is_for_the_whole_name() -> None:
    named = {row.model for row in models("vit-?-16-siglip2*")}
    assert named == {
        name for name in built_in() if re.fullmatch(r"ViT-.-16-SigLIP2.*", name, re.IGNORECASE)
    }
    assert len(named) > 3
    with pytest.raises(InputError, match="in quotes"):
        models("siglip?")


def test_a_name_that_none_has_is_told() -> None:
    with pytest.raises(InputError, match="'nothing-like-it'"):
        models("nothing-like-it")


def test_cached_weights_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.makers.hub_server import ask, serving

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    tag = tags("ViT-B-32")["laion2b_e16"]
    with serving({f"{tag.repo}/{tag.files[0]}": b"weights"}) as (address, _):
        ask(monkeypatch, address)
        obtain(tag.repo, tag.files)
    rows = models("ViT-B-32")
    assert {row.model: row.cached for row in rows if row.cached} == {"ViT-B-32": ("laion2b_e16",)}
    console = Console(width=140)
    with console.capture() as told:
        print_models(console, rows)
    assert "laion2b_e16" in told.get()


def test_the_list_needs_no_prefect() -> None:
    code = (
        "import sys; from flows.cli.app import run; run(['backbones', 'SigLIP2']); "
        "print(sorted({'prefect'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.splitlines()[-1] == "[]"
    assert "ViT-B-16-SigLIP2" in found.stdout
    assert "query" in found.stdout
