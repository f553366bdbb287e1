import pytest

from storage.sources.concepts import concept_key


@pytest.mark.parametrize("tag", ["Drug use", " drug  USE\t", "drug use"])
def test_case_and_spaces_do_not_matter(tag: str) -> None:
    assert concept_key(tag) == "drug use"
