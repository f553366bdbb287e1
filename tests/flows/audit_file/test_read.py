from pathlib import Path

import pytest
from huggingface_hub import constants

from flows.audit_file.read import read_config, with_methods
from flows.cli.audit import DEMO
from tests.makers.audit_files import GOOD, problems
from tests.makers.zeroshot_layouts import WRITERS
from uwm.config import BenchmarkZeroShot
from uwm.errors import ConfigError, InputError


def test_a_good_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "audit.yaml").write_text(GOOD)
    assert read_config(tmp_path / "audit.yaml").name == "mine"


def test_the_shipped_example_is_good() -> None:
    config = read_config(DEMO)
    assert [backbone.name for backbone in config.backbones] == ["siglip", "vit", "coca"]


def test_every_problem_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    text = GOOD.replace("tau: 0.02", "taw: 0.02\n    alpha: .nan").replace(
        "name: vit", "name: vits"
    )
    text = text.replace("{kind: demo, split: test}", "{kind: tables, name: t, safe: no.csv}")
    found = problems(tmp_path, text)
    assert "has 6 problems" in found
    for said in (
        "line 3: backbones[0].name: input should be 'vit', 'coca' or 'siglip'; got 'vits'",
        "line 6: benchmarks[0].safe: path does not point to a file",
        "line 6: benchmarks[0].unsafe: field required",
        "line 6: benchmarks[0].images: field required",
        "line 9: methods[0].taw: unknown key; did you mean 'tau'?",
        "line 10: methods[0].alpha: must be a finite number",
    ):
        assert said in found


@pytest.mark.parametrize("tau", ["0", "1", ".nan", "-1", "much"])
def test_an_impossible_tau_is_told_with_its_line(tmp_path: Path, tau: str) -> None:
    assert "line 9: methods[0].tau" in problems(tmp_path, GOOD.replace("0.02", tau))


@pytest.mark.parametrize(
    ("backbone", "said"),
    [
        ("{kind: open_clip, model: ViT-B-23, pretrained: x, name: b}", "ViT-B-32"),
        ("{kind: open_clip, model: RN50, pretrained: openai, name: b}", "ResNet"),
        ("{kind: folder, folder: ., name: b}", "lacks open_clip_config.json"),
        ("{kind: open_clip, model: ViT-B-32, pretrained: openai, name: b}", "ViT-B-32-quickgelu"),
        ("{kind: open_clip, model: ViT-B-32, pretrained: laion, name: b}", "no pretrained tag"),
        ("{kind: open_clip, model: ViT-B-32, name: b}", "either `pretrained`"),
        (
            "{kind: open_clip, model: ViT-B-32, weights: no.bin, name: b}",
            "does not point to a file",
        ),
        ("{kind: hub, repo: nobody, name: b}", "should match pattern"),
        ("{kind: folder, folder: ., name: b, preprocess: {std: [0, 1, 1]}}", "above 0"),
        ("{kind: folder, folder: nowhere, name: b}", "does not point to a directory"),
        ("{kind: unknown}", "the kinds are demo, folder, open_clip, hub"),
    ],
)
def test_a_backbone_that_cannot_be_audited_is_told(
    tmp_path: Path, backbone: str, said: str
) -> None:
    found = problems(tmp_path, GOOD.replace("{kind: demo, name: vit}", backbone))
    assert "line 3: backbones[0]" in found
    assert said in found


def test_an_unknown_role_is_told(tmp_path: Path) -> None:
    found = problems(tmp_path, GOOD + "    roles: {image: [fc3], text: [out]}\n")
    assert "line 10: methods[0].roles.image[0]: input should be 'query'" in found


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n- list\n", "should be a mapping"),
        ("", "should be a mapping"),
        ("just words", "should be a mapping"),
        ("name: [open\n", "line 2: not YAML"),
        ("name: a\nname: b\n", "not YAML"),
    ],
)
def test_what_is_no_mapping_is_refused(tmp_path: Path, text: str, said: str) -> None:
    assert said in problems(tmp_path, text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no file .*nowhere\.yaml"):
        read_config(tmp_path / "nowhere.yaml")


ZEROSHOT = """\
zeroshot:
  - {kind: demo, set: subjects}
  - {kind: benchmarks, root: ., sets: [dtd, food101]}
"""


def test_missing_benchmarks_are_no_problem_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "audit.yaml").write_text(GOOD + ZEROSHOT)
    config = read_config(tmp_path / "audit.yaml")
    assert [data.name for data in config.zeroshot_sets] == ["subjects", "dtd", "food101"]
    _, dtd, _ = config.zeroshot_sets
    assert isinstance(dtd, BenchmarkZeroShot)
    assert dtd.root == tmp_path


def test_but_all_of_them_missing_is_one(tmp_path: Path) -> None:
    found = problems(tmp_path, GOOD + ZEROSHOT.replace("  - {kind: demo, set: subjects}\n", ""))
    assert "has 2 problems" in found
    assert "line 11: zeroshot[0]: dtd is not in" in found


def test_a_malformed_benchmark_is_told_with_its_line(tmp_path: Path) -> None:
    WRITERS["dtd"](tmp_path)
    (tmp_path / "dtd" / "labels" / "test3.txt").write_text("nonsense\n")
    found = problems(tmp_path, GOOD + ZEROSHOT)
    assert "has 1 problem:" in found
    assert "line 12: zeroshot[1]: the lists of" in found


def test_weights_that_cannot_be_had_are_told_with_their_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    for backbone in (
        "{kind: open_clip, model: ViT-B-32, pretrained: laion2b_s34b_b79k, name: b}",
        "{kind: hub, repo: me/mine, name: b}",
    ):
        found = problems(tmp_path, GOOD.replace("{kind: demo, name: vit}", backbone))
        assert "line 3: backbones[0]" in found
        assert "hf download" in found


def test_weights_that_a_method_cannot_bring_are_told_with_their_line(tmp_path: Path) -> None:
    weights = """\
  - kind: checkpoint
    weights:
      vit: {kind: demo, name: siglip}
  - kind: safe_clip
"""
    found = problems(tmp_path, GOOD + weights)
    assert "has 1 problem:" in found
    assert "line 12: methods[1].weights.vit: other weights are of the backbone's own" in found
    gone = weights.replace("kind: demo, name: siglip", "kind: folder, folder: gone")
    found = problems(tmp_path, GOOD + gone)
    assert "line 12: methods[1].weights.vit" in found
    assert "does not point to a directory" in found
    (tmp_path / "empty").mkdir()
    assert "lacks open_clip_config.json" in problems(tmp_path, GOOD + gone.replace("gone", "empty"))
    assert "weights for vits" in problems(
        tmp_path, GOOD + weights.replace("      vit:", "      vits:")
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("    alpha: 1\n", "line 10: methods[0].alpha: alpha 1 leaves every weight unchanged"),
        ("    alpha: [-1, 1]\n", "line 10: methods[0].alpha[1]: alpha 1 leaves every weight"),
        ("    alpha: {image: -1, text: [0, 1.0]}\n", "line 10: methods[0].alpha.text[1]: alpha 1"),
        (
            "    name: original\n",
            "line 10: methods[0].name: 'original' is reserved for the unedited backbone",
        ),
        ("    name: random uwm\n", "line 10: methods[0].name: names that begin with 'random '"),
        ("    name: search safer\n", "line 10: methods[0].name: names that begin with 'search '"),
        ("    name: paper default\n    score: unsafe_only\n", "line 10: methods[0].name"),
        (
            "  - {kind: layerwise, settings: {text.01.fc2: [0.1, 1]}}\n",
            "line 10: methods[1].settings.text.01.fc2[1]: alpha 1 leaves every weight",
        ),
        (
            "  - {kind: layerwise, score: difference, settings: {text.01.fc2: [0.1, -1]}}\n",
            "line 10: methods[1]: difference scores can be negative",
        ),
        (
            "zeroshot:\n  - {kind: folder, name: zero-shot mean, images: .}\n",
            "line 11: zeroshot[0].name: 'zero-shot mean' is reserved for the mean over",
        ),
        ("sweep: {kind: uwm, alpha: 1}\n", "line 10: sweep.uwm: alpha 1 alone leaves"),
        (
            "validation: {kind: demo, split: validation}\nsearch: {uwm: {alpha: [1.001, 2]}}\n",
            "line 11: search.uwm.alpha: a factor of 1 changes nothing",
        ),
    ],
)
def test_what_could_only_fail_later_is_told_with_its_line(
    tmp_path: Path, change: str, said: str
) -> None:
    assert said in problems(tmp_path, GOOD + change)


def test_other_methods_leave_nothing_behind_that_names_the_old_ones(tmp_path: Path) -> None:
    sections = "held_out: {methods: [uwm]}\ndrift: {methods: [uwm]}\n"
    (tmp_path / "audit.yaml").write_text(GOOD + sections)
    config = read_config(tmp_path / "audit.yaml")
    other = with_methods(config, ["{kind: neurons, share: 0.1}"])
    assert [method.name for method in other.methods] == ["neurons"]
    assert (other.name, other.held_out, other.drift) == ("mine-methods", None, None)
    same = with_methods(config, ["{kind: uwm, tau: 0.1}"])
    assert (same.held_out, same.drift) == (config.held_out, config.drift)
    for wrong in ("{kind: uwm, alpha: 1}", "{kind: random, of: uwm}", "{kind: umw}", "uwm"):
        with pytest.raises(InputError, match="--method is wrong"):
            with_methods(config, [wrong])
