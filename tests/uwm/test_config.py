from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from uwm import demo
from uwm.config import (
    AuditConfig,
    BenchmarkSet,
    Checkpoint,
    DemoBackbone,
    DemoPairs,
    DemoZeroShot,
    GSafeClip,
    GUnsafe,
    LossWeights,
    Neurons,
    Protocol,
    Uwm,
)

SIGLIP = {"kind": "demo", "name": "siglip"}
FOUR = tuple(LossWeights.model_fields)


def audit(**changes: Any) -> AuditConfig:
    return AuditConfig.model_validate(
        {
            "backbones": [{"kind": "demo", "name": "vit"}],
            "calibration": {"kind": "demo", "split": "calibration"},
            "benchmarks": [{"kind": "demo", "split": "test"}],
            "methods": [{"kind": "uwm"}],
            **changes,
        }
    )


def test_the_papers_settings_are_the_default() -> None:
    (method,) = audit().edit_methods
    assert isinstance(method, Uwm)
    assert (method.tau, method.alpha, method.score, method.selection) == (
        (0.02,),
        (-1.0,),
        "ratio",
        "mass",
    )
    assert (method.roles.image, method.roles.text) == (("fc2",), ("out",))
    assert (method.prior.image, method.prior.text) == (False, True)


def test_a_list_is_a_grid() -> None:
    method = Neurons.model_validate({"kind": "neurons", "share": [0.1, 0.2], "alpha": [-1, -2]})
    assert method.points("image") == ((0.1, -1), (0.1, -2), (0.2, -1), (0.2, -2))
    assert method.points("image") == method.points("text")
    assert method.chooses
    with pytest.raises(ValidationError, match="needs `validation`"):
        audit(methods=[{"kind": "uwm", "tau": [0.1, 0.2]}])


@pytest.mark.parametrize("tau", [0, 1, float("nan"), -0.1, "much", []])
def test_impossible_shares_are_refused(tau: object) -> None:
    with pytest.raises(ValidationError):
        audit(methods=[{"kind": "uwm", "tau": tau}])


@pytest.mark.parametrize("alpha", [float("nan"), float("inf")])
def test_impossible_factors_are_refused(alpha: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        audit(methods=[{"kind": "uwm", "alpha": alpha}])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"backbones": [{"kind": "demo", "name": "vit"}] * 2}, "twice: vit"),
        ({"methods": [{"kind": "uwm"}, {"kind": "uwm"}]}, "twice: uwm"),
        ({"methods": [{"kind": "random", "of": "uwm"}]}, "there is none"),
        ({"methods": [{"kind": "uwm", "roles": {"image": [], "text": []}}]}, "nothing to edit"),
        ({"backbones": []}, "at least 1 item"),
        ({"tau": 0.1}, "Extra inputs"),
        (
            {"methods": [{"kind": "uwm", "base": "tuned"}]},
            r"checkpoint or safe_clip \(there is none",
        ),
        (
            {"methods": [{"kind": "safe_clip"}, {"kind": "uwm", "base": "uwm"}]},
            r"\(safe_clip\); got 'uwm'",
        ),
        ({"methods": [{"kind": "checkpoint", "weights": {"b32": SIGLIP}}]}, "weights of b32"),
        ({"methods": [{"kind": "checkpoint", "weights": {}}]}, "at least 1 item"),
        ({"methods": [{"kind": "random", "of": "safe_clip"}, {"kind": "safe_clip"}]}, "editing"),
        ({"methods": [{"kind": "safe_clip", "batch_size": 1}]}, "greater than or equal to 2"),
        (
            {"methods": [{"kind": "safe_clip", "losses": {"text": dict.fromkeys(FOUR, 0)}}]},
            "some loss has a weight above 0",
        ),
    ],
)
def test_inconsistent_audits_are_refused(changes: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        audit(**changes)


def test_paths_are_relative_to_the_given_folder(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    document = audit().model_dump(mode="json") | {
        "backbones": [{"kind": "folder", "name": "mine", "folder": "model"}]
    }
    config = AuditConfig.model_validate(document, context={"folder": tmp_path})
    assert config.backbones[0].folder == tmp_path / "model"  # type: ignore[union-attr]


def test_a_configuration_survives_json() -> None:
    config = audit(methods=[{"kind": "uwm"}, {"kind": "random", "of": "uwm"}])
    assert AuditConfig.model_validate_json(config.model_dump_json()) == config


def test_what_ships_is_what_can_be_named() -> None:
    for model, field, shipped in (
        (DemoBackbone, "name", demo.BACKBONES),
        (DemoPairs, "split", demo.PAIR_SETS),
        (DemoZeroShot, "set", demo.ZEROSHOT_SETS),
    ):
        assert set(get_args(model.model_fields[field].annotation)) == set(shipped)


def test_edited_roles_are_the_union_over_methods() -> None:
    config = audit(methods=[{"kind": "uwm"}, {"kind": "neurons"}])
    assert config.edited_roles("image") == ("fc2",)
    assert config.edited_roles("text") == ("fc2", "out")


def test_the_baselines_defaults_are_the_papers() -> None:
    config = audit(methods=[{"kind": "g_unsafe"}, {"kind": "g_safe_clip", "tau": [0.01]}])
    unsafe, safe_clip = config.edit_methods
    assert isinstance(unsafe, GUnsafe)
    assert isinstance(safe_clip, GSafeClip)
    points = [method.points("text") for method in (unsafe, safe_clip)]
    assert points == [((0.035, 0.0),), ((0.01, 0.0),)]
    assert GSafeClip(kind="g_safe_clip").tau == (0.005,)
    assert (unsafe.selection.image, unsafe.selection.text) == ("mass", "count")
    assert (safe_clip.selection.image, safe_clip.selection.text) == ("count", "count")
    for method in (unsafe, safe_clip):
        assert (method.roles.image, method.roles.text) == (("fc2",), ("out",))
    assert AuditConfig.model_validate_json(config.model_dump_json()) == config
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        audit(methods=[{"kind": "g_unsafe", "batch_size": 0}])


def test_gradients_ask_for_no_capture() -> None:
    config = audit(
        methods=[
            {"kind": "neurons", "roles": {"image": [], "text": ["fc1"]}},
            {"kind": "g_unsafe"},
            {"kind": "random", "of": "g_unsafe"},
        ]
    )
    assert (config.edited_roles("image"), config.captured_roles("image")) == (("fc2",), ())
    assert (config.edited_roles("text"), config.captured_roles("text")) == (
        ("fc1", "out"),
        ("fc1",),
    )


def test_weights_bring_roles_and_bases_of_their_own() -> None:
    trained = {"kind": "safe_clip", "roles": {"image": ["value"], "text": []}}
    other = {"kind": "checkpoint", "weights": {"vit": SIGLIP}}
    config = audit(
        methods=[{"kind": "uwm"}, {"kind": "neurons", "base": "safe_clip"}, trained, other]
    )
    assert [method.name for method in config.weight_methods] == ["safe_clip", "checkpoint"]
    assert config.captured_roles("text", None) == ("out",)
    assert config.captured_roles("text", "safe_clip") == ("fc2",)
    assert config.changed_roles("image") == ("fc2", "value")
    left = config.without("safe_clip")
    assert [method.name for method in left.methods] == ["uwm", "checkpoint"]
    assert AuditConfig.model_validate_json(config.model_dump_json()) == config


def test_other_weights_are_called_as_the_backbone_is(tmp_path: Path) -> None:
    weights = {"vit": {"kind": "folder", "folder": str(tmp_path)}}
    (method,) = audit(methods=[{"kind": "checkpoint", "weights": weights}]).weight_methods
    assert isinstance(method, Checkpoint)
    assert method.weights["vit"].name == "vit"


def test_a_policy_may_name_what_brings_weights() -> None:
    rule = {"metric": "GS", "floor": 1, "methods": ["safe_clip"]}
    assert audit(methods=[{"kind": "safe_clip"}], policy={"rules": [rule]}).policy is not None


def zeroshot(*items: dict[str, Any]) -> AuditConfig:
    return audit(zeroshot=list(items))


def test_all_benchmarks_below_one_folder_are_17_sets(tmp_path: Path) -> None:
    config = zeroshot({"kind": "benchmarks", "root": str(tmp_path)})
    assert [data.name for data in config.zeroshot_sets] == list(get_args(BenchmarkSet))
    assert len(config.zeroshot_sets) == 17
    assert AuditConfig.model_validate_json(config.model_dump_json()) == config


def test_both_protocols_stand_beside_each_other(tmp_path: Path) -> None:
    items = [
        {"kind": "benchmark", "set": "dtd", "root": str(tmp_path), "protocol": protocol}
        for protocol in get_args(Protocol)
    ]
    assert [data.name for data in zeroshot(*items).zeroshot_sets] == ["dtd", "dtd standard"]
    with pytest.raises(ValidationError, match="twice: dtd"):
        zeroshot(items[0], items[0])


@pytest.mark.parametrize("template", ["a photo", "a {} and a {}", [], ["a {}.", "x"]])
def test_a_template_has_one_place_for_the_name(template: object, tmp_path: Path) -> None:
    item = {"kind": "folder", "name": "pets", "images": str(tmp_path), "template": template}
    with pytest.raises(ValidationError, match=r"for the class name|at least 1 item"):
        zeroshot(item)


def test_a_data_path_exists_and_a_benchmark_s_root_need_not(tmp_path: Path) -> None:
    zeroshot({"kind": "benchmark", "set": "dtd", "root": str(tmp_path / "nowhere")})
    with pytest.raises(ValidationError, match="a file or a directory"):
        zeroshot({"kind": "parquet", "name": "pets", "data": str(tmp_path / "nowhere")})


def test_towers_may_have_shares_and_factors_of_their_own() -> None:
    method = Uwm.model_validate(
        {
            "kind": "uwm",
            "tau": {"image": 0.02, "text": [0.05, 0.1]},
            "alpha": {"image": -1, "text": 0},
        }
    )
    assert method.points("image") == ((0.02, -1),)
    assert method.points("text") == ((0.05, 0), (0.1, 0))
    assert method.chooses
    alone = {"kind": "uwm", "tau": {"image": 0.02, "text": [0.05, 0.1]}}
    assert not Uwm.model_validate({**alone, "roles": {"image": ["fc2"], "text": []}}).chooses
    config = audit(methods=[alone], validation={"kind": "demo", "split": "validation"})
    assert AuditConfig.model_validate_json(config.model_dump_json()) == config


def test_peaks_are_captured_where_a_score_reads_them() -> None:
    assert not audit(methods=[{"kind": "neurons"}]).peaks
    assert audit(methods=[{"kind": "neurons", "score": "peak_ratio"}]).peaks


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"settings": {}}, "at least 1"),
        ({"settings": {"image.3.fc2": [0.1, -1]}}, "two digits"),
        ({"settings": {"picture.03.fc2": [0.1, -1]}}, "TOWER.BLOCK.ROLE"),
        ({"settings": {"image.03.fc2": [1, -1]}}, "less than 1"),
        ({"settings": {"image.03.fc2": [0.1]}}, "Field required"),
        ({"score": "log_ratio"}, "a score of weights is one of"),
    ],
)
def test_layers_that_cannot_be_are_refused(changes: dict[str, Any], said: str) -> None:
    method = {"kind": "layerwise", "settings": {"image.03.fc2": [0.1, -1]}} | changes
    with pytest.raises(ValidationError, match=said):
        audit(methods=[method])


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ({"uwm": None, "neurons": None}, "name a family"),
        ({"uwm": {"share": [0.2, 0.1]}}, "lower and the upper"),
        ({"uwm": {"alpha": [-1, 2]}}, "one side of it"),
        ({"budget": 1}, "greater than or equal to 2"),
        ({"zeroshot": [{"kind": "demo", "set": "objects"}]}, "both name objects"),
        ({"validation": {"kind": "demo", "split": "test"}}, "extra_forbidden"),
    ],
)
def test_an_impossible_search_is_refused(search: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        audit(
            validation={"kind": "demo", "split": "validation"},
            zeroshot=[{"kind": "demo", "set": "objects"}],
            search=search,
        )


def test_a_search_chooses_on_data_that_nothing_is_claimed_on() -> None:
    with pytest.raises(ValidationError, match="needs `validation`"):
        audit(search={})
    with pytest.raises(ValidationError, match="cannot be a benchmark"):
        audit(search={}, validation={"kind": "demo", "split": "test"})
    config = audit(search={}, validation={"kind": "demo", "split": "validation"})
    assert config.edited_roles("image") == ("fc2", "out")


def test_difference_scores_have_no_mass() -> None:
    with pytest.raises(ValidationError, match="select them by `count`"):
        audit(methods=[{"kind": "uwm", "score": "difference"}])
    audit(methods=[{"kind": "uwm", "score": "difference", "selection": "count"}])
    sweep = {"kind": "uwm", "score": ["ratio", "difference"]}
    with pytest.raises(ValidationError, match="select them by `count`"):
        audit(sweep=sweep)
    audit(sweep={**sweep, "selection": ["count"]})
