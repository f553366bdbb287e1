from storage.sources.concepts import concept_key
from uwm.metrics.concepts import displayed


def test_a_misspelling_of_the_data_is_kept_and_shown_right() -> None:
    kept = concept_key("Bodily Bluids")
    assert kept == "bodily bluids"
    assert displayed(kept) == "bodily fluids"
    assert displayed("hate") == "hate"
