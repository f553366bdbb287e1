import copy
import dataclasses
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
import torch
from safetensors.torch import load_file, save_file

import uwm.backbones.load
from tests.makers.backbones import LoadFresh
from tests.makers.folders import folder_backbone
from uwm.backbones import architecture
from uwm.backbones.backbone import BACKBONES, Backbone
from uwm.backbones.load import load
from uwm.errors import WrongWeightsError
from uwm.families import TOWERS


def test_embeddings_have_unit_length_and_the_models_dim(backbone: Backbone) -> None:
    pixels = torch.randint(0, 255, (2, 3, 32, 32), dtype=torch.uint8)
    for embeddings in (
        backbone.encode("image", pixels),
        backbone.encode("text", backbone.tokenize(["a cat", "a dog"])),
    ):
        assert embeddings.shape == (2, backbone.dim)
        torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(2))


def test_real_tokens_end_with_the_end_of_text(load_fresh: LoadFresh) -> None:
    backbone = load_fresh("clip")
    ids = backbone.tokenize(["a cat", ""])
    keep = backbone.real_tokens(ids)
    end = backbone.tokenizer.eot_token_id
    assert [row[mask].tolist()[-1] for row, mask in zip(ids, keep, strict=True)] == [end, end]
    assert keep.sum(1).tolist() == [4, 2]


def test_coca_appends_a_class_token_that_is_real(load_fresh: LoadFresh) -> None:
    backbone = load_fresh("coca")
    ids = backbone.tokenize(["a cat"])
    keep = backbone.real_tokens(ids)
    assert keep.shape[1] == ids.shape[1] + 1
    assert keep[0].nonzero().flatten().tolist() == [0, 1, 2, 3, ids.shape[1]]


def test_the_same_weights_under_two_names_share_digests(
    zoo: dict[str, Path], tmp_path: Path
) -> None:
    copy = shutil.copytree(zoo["clip"], tmp_path / "copy")
    one, other = (load.__wrapped__(folder_backbone(path)) for path in (zoo["clip"], copy))
    assert [one.tower_digest(tower) for tower in TOWERS] == [
        other.tower_digest(tower) for tower in TOWERS
    ]


@pytest.mark.parametrize(
    ("prefix", "changed"), [("visual.ln_pre", "image"), ("ln_final", "text"), ("logit_scale", None)]
)
def test_a_changed_weight_changes_its_towers_digest_alone(
    zoo: dict[str, Path], tmp_path: Path, prefix: str, changed: str | None
) -> None:
    copy = shutil.copytree(zoo["clip"], tmp_path / "copy")
    weights = load_file(copy / "open_clip_model.safetensors")
    name = next(name for name in weights if name.startswith(prefix))
    weights[name] = weights[name] + 1e-3
    save_file(weights, copy / "open_clip_model.safetensors")
    one, other = (load.__wrapped__(folder_backbone(path)) for path in (zoo["clip"], copy))
    differing = {tower for tower in TOWERS if one.tower_digest(tower) != other.tower_digest(tower)}
    assert differing == ({changed} if changed else set())


def test_normalisation_belongs_to_the_image_tower(zoo: dict[str, Path], tmp_path: Path) -> None:
    copy = shutil.copytree(zoo["clip"], tmp_path / "copy")
    config = json.loads((copy / "open_clip_config.json").read_text())
    config["preprocess_cfg"]["mean"] = [0.1, 0.2, 0.3]
    (copy / "open_clip_config.json").write_text(json.dumps(config))
    one, other = (load.__wrapped__(folder_backbone(path)) for path in (zoo["clip"], copy))
    assert one.tower_digest("image") != other.tower_digest("image")
    assert one.tower_digest("text") == other.tower_digest("text")


def test_a_scalar_buffer_counts_in_the_digest(load_fresh: LoadFresh) -> None:
    """Batch norms keep their counter in a tensor without axes."""

    def digest(count: int) -> str:
        backbone = load_fresh("clip")
        visual = backbone.model.get_submodule("visual")
        visual.register_buffer("num_batches_tracked", torch.tensor(count))
        return backbone.tower_digest("image")

    assert digest(1) == digest(1) != digest(2)


def test_a_backbone_goes_to_another_process_by_reference(zoo: dict[str, Path]) -> None:
    backbone = load(folder_backbone(zoo["siglip"]))
    sent = cloudpickle.dumps(backbone)
    assert len(sent) < 10_000
    load.cache_clear()
    BACKBONES.allow(0)  # as in a process that has none
    found = cloudpickle.loads(sent)
    assert found is not backbone
    assert found.precision == backbone.precision
    assert all(found.tower_digest(tower) == backbone.tower_digest(tower) for tower in TOWERS)


def test_backbones_that_take_turns_are_loaded_once_and_no_more_are_kept(
    zoo: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a worker process that runs the tasks of several backbones, audited at a time."""
    BACKBONES.allow(2)
    sent = [cloudpickle.dumps(load(folder_backbone(zoo[name]))) for name in ("clip", "siglip")]
    BACKBONES.allow(0)  # as in a process that has none
    load.cache_clear()
    built: list[str] = []
    build = architecture.build

    def counted(config: dict[str, Any]) -> torch.nn.Module:
        built.append(str(config["embed_dim"]))
        return build(config)

    monkeypatch.setattr(uwm.backbones.load, "build", counted)
    found = [cloudpickle.loads(each) for each in (*sent, *sent, *sent)]
    assert len(built) == 2
    assert len(set(map(id, found))) == len(BACKBONES) == 2
    BACKBONES.allow(1)
    assert len(BACKBONES) == 1


def test_a_process_that_has_older_weights_reads_them_anew(
    zoo: dict[str, Path], tmp_path: Path
) -> None:
    """A Dask worker outlives audits."""
    folder = shutil.copytree(zoo["clip"], tmp_path / "copy")
    older = load(folder_backbone(folder), "cpu", "fp32")  # as it is loaded again
    weights = load_file(folder / "open_clip_model.safetensors")
    weights["ln_final.bias"].add_(1)
    save_file(weights, folder / "open_clip_model.safetensors")
    sent = cloudpickle.dumps(load.__wrapped__(folder_backbone(folder), "cpu", "fp32"))
    found = cloudpickle.loads(sent)
    assert found is not older
    assert found.tower_digest("text") != older.tower_digest("text")


def test_weights_that_changed_meanwhile_are_refused_in_the_other_process(
    zoo: dict[str, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(zoo["clip"], tmp_path / "copy")
    sent = cloudpickle.dumps(load(folder_backbone(folder)))
    weights = load_file(folder / "open_clip_model.safetensors")
    weights["ln_final.bias"].add_(1)
    save_file(weights, folder / "open_clip_model.safetensors")
    load.cache_clear()
    with pytest.raises(WrongWeightsError, match="text tower"):
        cloudpickle.loads(sent)


def test_a_backbone_built_by_hand_stays_in_its_process(zoo: dict[str, Path]) -> None:
    built = dataclasses.replace(load(folder_backbone(zoo["clip"])), reload=None)
    with pytest.raises(TypeError, match="stays in its process"):
        cloudpickle.dumps(built)


@dataclasses.dataclass(frozen=True)
class Shifted:
    """A change that adds to one weight of the text tower, in tensors of its own."""

    by: float

    def __call__(self, original: Backbone) -> Backbone:
        model = copy.deepcopy(original.model)
        model.get_parameter("ln_final.bias").data += self.by
        return dataclasses.replace(original, model=model)


def test_a_variant_is_made_once_and_lives_beside_its_original(zoo: dict[str, Path]) -> None:
    backbone = load(folder_backbone(zoo["clip"]), "cpu", "fp32")  # as it is loaded again
    one, other = backbone.variant(Shifted(0.5)), backbone.variant(Shifted(0.25))
    assert backbone.variant(Shifted(0.5)) is one
    assert one is not other
    assert one.locks is other.locks is backbone.locks
    assert len({each.tower_digest("text") for each in (backbone, one, other)}) == 3
    assert one.tower_digest("image") == backbone.tower_digest("image")
    again = cloudpickle.loads(cloudpickle.dumps(one))
    assert again is one  # this process has it


def test_a_variant_waits_for_edits_to_be_gone(zoo: dict[str, Path]) -> None:
    backbone = load(folder_backbone(zoo["clip"]))
    backbone.locks["text"].acquire()
    made: list[Backbone] = []
    thread = threading.Thread(target=lambda: made.append(backbone.variant(Shifted(0.125))))
    thread.start()
    thread.join(0.3)
    assert made == []
    backbone.locks["text"].release()
    thread.join()
    assert made == [backbone.variant(Shifted(0.125))]


def test_a_pose_has_other_digests_and_the_same_tensors(load_fresh: LoadFresh) -> None:
    backbone = load_fresh("clip")
    pose = backbone.posing({"text": "later"})
    assert pose.tower_digest("text") == "later"
    assert pose.tower_digest("image") == backbone.tower_digest("image")
    assert pose.model is backbone.model
    assert backbone.tower_digest("text") != "later"
