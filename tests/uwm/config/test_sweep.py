import pytest
from pydantic import TypeAdapter, ValidationError

from uwm.config import Subset, SweepSettings
from uwm.config.methods.requests import StatisticsScore
from uwm.families import TOWERS


def sweep(**changes: object) -> SweepSettings:
    found: SweepSettings = TypeAdapter(SweepSettings).validate_python({"kind": "uwm", **changes})
    return found


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (0.1, (0.1,)),
        ([0.1, 0.2], (0.1, 0.2)),
        ("0.1:0.4:4", (0.1, 0.2, 0.3, 0.4)),
    ],
)
def test_a_grid_may_be_a_list_or_a_range(written: object, meant: tuple[float, ...]) -> None:
    assert sweep(tau=written).shares == pytest.approx(meant)


@pytest.mark.parametrize("written", ["0.1:0.2", "0.5:1.5:3", []])
def test_a_grid_that_cannot_be_is_refused(written: object) -> None:
    with pytest.raises(ValidationError):
        sweep(tau=written)


def test_every_combination_is_a_point() -> None:
    found = sweep(
        tau=[0.02, 0.05],
        alpha=[-1, 0],
        roles={"image": [["fc2"], ["fc1", "fc2"]], "text": []},
        prior={"image": [False, True]},
    )
    assert len(set(found.points("image"))) == 2 * 2 * 2 * 2
    assert found.points("text") == ()


def test_a_row_is_a_method_of_an_audit() -> None:
    found = sweep(
        tau=[0.02, 0.05],
        score=["ratio", "difference"],
        selection=["count"],
        sizes=[5],
        seeds=[1, 2],
    )
    assert len(found.common()) == 2 * 2
    common = found.common()[-1]
    assert common.part == Subset(per_concept=5, seed=2)
    image, text = found.points("image")[0], found.points("text")[1]
    both = found.method(common, image, text)
    assert [both.points(tower) for tower in TOWERS] == [((0.02, -1),), ((0.05, -1),)]
    assert not both.chooses
    alone = found.method(common, None, text)
    assert [alone.points(tower) for tower in TOWERS] == [(), ((0.05, -1),)]
    assert alone.request("text") == StatisticsScore("weight", "difference", True, common.part)


def test_grids_that_go_place_by_place_are_as_long() -> None:
    roles = {"image": [["fc2"], ["out"]], "text": [["out"]]}
    sweep(roles=roles)
    with pytest.raises(ValidationError, match="image has 2 points and text 1"):
        sweep(roles=roles, towers="same")
    with pytest.raises(ValidationError, match="at least one set of roles"):
        sweep(roles={"image": [], "text": []})
    with pytest.raises(ValidationError, match="to leave a tower unedited"):
        sweep(roles={"image": [[]], "text": [["out"]]})


def test_alpha_1_is_the_original_which_every_sweep_measures() -> None:
    found = sweep(alpha="-1:1:9")
    assert [point.alpha for point in found.points("text")] == [
        -1,
        -0.75,
        -0.5,
        -0.25,
        0,
        0.25,
        0.5,
        0.75,
    ]
    (common,) = found.common()
    for point in found.points("image"):
        assert found.method(common, point, None).points("image") == ((0.02, point.alpha),)
