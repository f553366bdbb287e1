import hashlib
from typing import get_args

import open_clip
import pytest
from torchvision.datasets import Flowers102

from storage.sources.zeroshot import prompts
from uwm.config import BENCHMARKS, BenchmarkSet, Protocol, benchmarks

SETS, PROTOCOLS = tuple(benchmarks()), get_args(Protocol)


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_template_has_one_place_for_a_name(name: BenchmarkSet, protocol: Protocol) -> None:
    found = prompts.templates(name, protocol)
    assert all(template.count("{}") == 1 for template in found)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("name", SETS)
def test_the_paper_has_one_template_per_set(name: BenchmarkSet) -> None:
    assert len(prompts.templates(name, "paper")) == 1


@pytest.mark.parametrize("name", SETS)
def test_the_usual_ensemble_holds_the_paper_s_template(name: BenchmarkSet) -> None:
    if name == "ucf101":  # the paper prompts for a video, without a person
        return
    assert set(prompts.templates(name, "paper")) <= set(prompts.templates(name, "standard"))


@pytest.mark.parametrize(
    ("name", "count"), [("imagenet", 80), ("caltech101", 34), ("cifar10", 18), ("ucf101", 48)]
)
def test_ensembles_are_those_of_clip(name: BenchmarkSet, count: int) -> None:
    assert len(prompts.templates(name, "standard")) == count


def test_imagenet_is_as_open_clip_has_it() -> None:
    assert prompts.templates("imagenet-r", "standard") == tuple(
        fill("{}") for fill in open_clip.OPENAI_IMAGENET_TEMPLATES
    )
    for protocol in PROTOCOLS:
        assert prompts.class_names("imagenet", protocol, ["n02119789"]) == ["kit fox"]


def test_flowers_are_as_torchvision_has_them() -> None:
    numbers = [str(number) for number in range(1, 103)]
    assert prompts.class_names("flowers102", "paper", numbers) == Flowers102.classes


@pytest.mark.parametrize(
    ("name", "protocol", "label", "said"),
    [
        ("sun397", "paper", "theater/indoor_procenium", "indoor procenium theater"),
        ("sun397", "standard", "theater/indoor_procenium", "theater indoor procenium"),
        ("ucf101", "paper", "TaiChi", "TaiChi"),
        ("ucf101", "standard", "HandstandPushups", "Hand Stand Pushups"),
        ("oxford-pets", "paper", "english_cocker_spaniel", "English Cocker Spaniel"),
        ("oxford-pets", "standard", "english_cocker_spaniel", "english cocker spaniel"),
        ("caltech101", "paper", "yin_yang", "yin yang"),
        ("caltech101", "standard", "yin_yang", "yin and yang symbol"),
        ("fgvc-aircraft", "standard", "F/A-18", "F/A-18"),
    ],
)
def test_labels_are_read_as_names(
    name: BenchmarkSet, protocol: Protocol, label: str, said: str
) -> None:
    assert prompts.class_names(name, protocol, [label]) == [said]


def test_the_data_file_is_known_by_its_digest() -> None:
    assert prompts.prompts_digest() == hashlib.sha256(BENCHMARKS.read_bytes()).hexdigest()
