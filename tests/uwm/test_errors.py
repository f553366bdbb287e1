"""The tree of errors: one root, and what is the user's to mend told from what failed."""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path

import pytest

from uwm import errors
from uwm.errors import InputError, UWMError, install

TREE = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]
PROJECT = Path(__file__).parents[2] / "pyproject.toml"


@pytest.mark.parametrize("kind", TREE)
def test_every_error_is_in_one_tree_and_says_what_it_means(kind: type[Exception]) -> None:
    assert issubclass(kind, UWMError)
    assert inspect.getdoc(kind)
    assert str(kind("rule, value, remedy")) == "rule, value, remedy"


def test_damage_and_failed_computations_are_no_fault_of_the_input() -> None:
    failed = {kind for kind in TREE if not issubclass(kind, InputError)} - {UWMError}
    assert failed >= {errors.DamagedArtifactError, errors.NonFiniteScoreError, errors.AuditError}


def test_every_optional_part_that_a_message_names_exists() -> None:
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    for extra in ("hf", "zeroshot", "s3", "dask", "search"):
        assert extra in extras
        assert f".[{extra}]" in install(extra)
