import pytest

from storage.sources.concepts import concept_key, displayed


@pytest.mark.parametrize("tag", ["Drug use", " drug  USE\t", "drug use"])
def test_case_and_spaces_do_not_matter(tag: str) -> None:
    assert concept_key(tag) == "drug use"


def test_a_misspelling_of_the_data_is_kept_and_shown_right() -> None:
    assert concept_key("Bodily Bluids") == "bodily bluids"
    assert displayed("bodily bluids") == "bodily fluids"
    assert displayed("hate") == "hate"
