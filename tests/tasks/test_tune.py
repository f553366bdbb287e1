"""A training is a stage like any other: killed and taken up again, it ends with the same bytes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import pytest
import torch

import tasks.tune
from storage.formats.standing import noted
from storage.store.store import Store
from tasks.embed import EmbeddingsSpec, embed
from tasks.tune import TunedSpec, TunedWeights, read_training, tune
from tests.makers.bench import Bench
from uwm.backbones.load import load
from uwm.config import FolderBackbone, LossWeights, SafeClip
from uwm.families import TOWERS, Tower
from uwm.method.safe_clip import Training

METHOD = SafeClip(kind="safe_clip", epochs=3, rank=2, batch_size=5)
STEPS = 12  # of 20 pairs

KILLED = """
import os, pickle, signal, sys
from pathlib import Path
import tasks.tune
from storage.store.store import Store
from tasks.tune import tune
from uwm.config import FolderBackbone
from uwm.backbones.load import load
from uwm.method.safe_clip import Training

tasks.tune.SAVED_EVERY = 5
step = Training.step

def killing(self, *batch):
    if self.steps == 8:
        os.kill(os.getpid(), signal.SIGKILL)
    return step(self, *batch)

Training.step = killing
folder, store, spec = sys.argv[1:]
backbone = load(FolderBackbone(kind="folder", folder=Path(folder), name="clip"))
tune.fn([pickle.loads(bytes.fromhex(spec))], Store(store), backbone)
"""


def wanted(bench: Bench, tower: Tower, method: SafeClip = METHOD) -> TunedSpec:
    embedded = {}
    for each, inputs in zip(TOWERS, (bench.pixels, bench.tokens), strict=True):
        embedded[each] = EmbeddingsSpec.of(bench.backbone, each, None, inputs)
        embed.fn([embedded[each]], bench.store, bench.backbone, 64)
    inputs = bench.pixels if tower == "image" else bench.tokens
    (options,) = method.trainings(tower)
    asked = method.weights_for("any")
    return TunedSpec.of(bench.backbone, tower, asked, options, inputs, embedded)


def files(store: Store, spec: TunedSpec) -> dict[str, bytes]:
    folder = store.path(spec)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("tower", TOWERS)
def test_what_was_trained_is_told(bench: Bench, tower: Tower) -> None:
    before = {name: value.clone() for name, value in bench.backbone.model.state_dict().items()}
    spec = wanted(bench, tower)
    tune.fn([spec], bench.store, bench.backbone)
    found = read_training(bench.store, spec)
    assert found["steps"] == STEPS
    assert len(found["losses"]) == METHOD.epochs
    first, last = (sum(epoch.values()) for epoch in (found["losses"][0], found["losses"][-1]))
    assert last < first
    after = bench.backbone.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert set(files(bench.store, spec)) == {"factors.safetensors", "spec.json", "COMPLETE.json"}


def test_an_interrupted_training_goes_on_and_ends_with_the_same_bytes(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks.tune, "SAVED_EVERY", 5)
    spec = wanted(bench, "text")
    tune.fn([spec], bench.store, bench.backbone)
    expected = files(bench.store, spec)
    bench.store.remove(str(spec))
    step, ran = Training.step, list[int]()

    def cut(self: Training, *batch: torch.Tensor) -> dict[str, float]:
        ran.append(self.steps)
        if len(ran) == 9:
            raise KeyboardInterrupt
        return step(self, *batch)

    monkeypatch.setattr(Training, "step", cut)
    with pytest.raises(KeyboardInterrupt):
        tune.fn([spec], bench.store, bench.backbone)
    tune.fn([spec], bench.store, bench.backbone)
    assert ran == [*range(9), *range(5, STEPS)]
    assert files(bench.store, spec) == expected


def test_a_killed_training_goes_on_and_ends_with_the_same_bytes(
    bench: Bench, zoo: dict[str, Path]
) -> None:
    spec = wanted(bench, "text")
    tune.fn([spec], bench.store, bench.backbone)
    expected = files(bench.store, spec)
    bench.store.remove(str(spec))
    arguments = [str(zoo["clip"]), bench.store.url, cloudpickle.dumps(spec).hex()]
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, *arguments], env=dict(os.environ), check=False
    )
    assert ended.returncode == -signal.SIGKILL
    (draft,) = bench.store.drafts()
    standing = noted(draft)
    assert standing is not None
    assert standing[1]["steps"] == 5
    tune.fn([spec], bench.store, bench.backbone)
    assert files(bench.store, spec) == expected
    assert list(bench.store.drafts()) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 4},
        {"rank": 3},
        {"learning_rate": 0.01},
        {"lora_alpha": 4},
        {"batch_size": 6},
        {"logit_scale": 3},
        {"seed": 1},
        {"roles": {"image": ["fc1"], "text": ["fc1"]}},
        {
            "losses": {
                "text": dict.fromkeys(LossWeights.model_fields, 1),
                "image": dict.fromkeys(LossWeights.model_fields, 1),
            }
        },
    ],
)
def test_every_option_is_part_of_the_address(bench: Bench, changes: dict[str, Any]) -> None:
    spec = wanted(bench, "text")
    changed = SafeClip.model_validate({**METHOD.model_dump(), **changes})
    assert wanted(bench, "text", changed).digest != spec.digest
    assert wanted(bench, "text", METHOD.model_copy(update={"name": "x"})).digest == spec.digest


def test_the_tuned_backbone_is_made_once_and_again_in_another_process(
    bench: Bench, zoo: dict[str, Path]
) -> None:
    bench.backbone = load(FolderBackbone(kind="folder", folder=zoo["clip"], name="clip"))
    spec = wanted(bench, "text")
    tune.fn([spec], bench.store, bench.backbone)
    change = TunedWeights(bench.store.url, (str(spec),))
    tuned = bench.backbone.variant(change)
    assert bench.backbone.variant(TunedWeights(bench.store.url, (str(spec),))) is tuned
    assert tuned.locks is bench.backbone.locks
    assert tuned.tower_digest("image") == bench.backbone.tower_digest("image")
    assert tuned.tower_digest("text") != bench.backbone.tower_digest("text")
    sent = cloudpickle.dumps(tuned)
    assert len(sent) < 10_000
    load.cache_clear()
    found = cloudpickle.loads(sent)
    assert found is not tuned
    assert [found.tower_digest(tower) for tower in TOWERS] == [
        tuned.tower_digest(tower) for tower in TOWERS
    ]
    assert cloudpickle.loads(sent) is found  # kept beside its original
