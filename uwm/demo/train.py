"""Train the three tiny backbones: one recipe, three architectures."""

import math
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor, nn

from uwm.demo.architectures import RECIPES, Recipe
from uwm.demo.backbone import WEIGHTS, Backbone, DualEncoder, Geometry, create, save, stacked
from uwm.demo.build import SPLITS, TRAINING
from uwm.demo.measure import figures
from uwm.demo.samples import ATTRIBUTE_CLASSES, attributes
from uwm.shipped import BACKBONES, PAIR_SETS

_REPORT_EVERY = 20
_MEASURE_EVERY = 100


class AttributeHeads(nn.Module):
    """Read subject, thing and background off an image embedding; a crutch, dropped after training.

    Minutes are too short for the contrastive loss alone to teach a picture's small things.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = nn.ModuleList(nn.Linear(width, classes) for classes in ATTRIBUTE_CLASSES)

    def forward(self, embeddings: Tensor, truth: Tensor) -> Tensor:
        """Mean cross-entropy; embeddings (N, width), truth int64 (N, attributes)."""
        losses = [
            F.cross_entropy(head(embeddings), truth[:, column])
            for column, head in enumerate(self.heads)
        ]
        return torch.stack(losses).mean()


def train(name: str, work: Path) -> None:
    """Train backbone `name` on the training set in `work` and write its folder.

    The seed fixes initial weights and the order of batches; the last bits of the weights still
    depend on the processor and the number of threads.
    """
    recipe = RECIPES[name]
    torch.manual_seed(recipe.seed)
    backbone = create(name, BACKBONES[name])
    if recipe.start is not None:
        _lend_image_tower(BACKBONES[recipe.start], backbone.model)
    for number in range(recipe.rounds):
        _train_round(name, backbone, number, work)
    save(backbone, BACKBONES[name] / WEIGHTS)


def _train_round(name: str, backbone: Backbone, number: int, work: Path) -> None:
    """One round of the schedule, told and kept as it goes."""
    recipe = RECIPES[name]
    started = time.perf_counter()
    for step, loss in _fit(backbone, recipe, work / TRAINING, number):
        done = number * recipe.steps + step
        if step % _REPORT_EVERY == 0:
            elapsed = time.perf_counter() - started
            total = recipe.rounds * recipe.steps
            print(f"{name} {done}/{total} loss {loss:.3f} {elapsed:.0f} s", flush=True)
        if step % _MEASURE_EVERY == 0 or step == recipe.steps:
            print(name, done, figures(backbone, PAIR_SETS["validation"]), flush=True)
            save(backbone, work / f"{name}-{done:04d}.safetensors")


def _lend_image_tower(folder: Path, model: DualEncoder) -> None:
    """Start `model` from the image tower of the trained backbone in `folder`."""
    towers = {key: value for key, value in model.state_dict().items() if key.startswith("visual.")}
    lent = load_file(folder / WEIGHTS)
    for key, value in towers.items():
        value.copy_(lent[key])


def _fit(
    backbone: Backbone, recipe: Recipe, training: Path, number: int
) -> Iterator[tuple[int, float]]:
    """Yield (step, loss) after each step of round `number`, which draws batches of its own."""
    model = backbone.model
    table = pd.read_parquet(training)
    safe, unsafe = stacked(table["safe_image"]), stacked(table["unsafe_image"])
    safe_text = backbone.tokenize(table["safe_text"].to_list())
    unsafe_text = backbone.tokenize(table["unsafe_text"].to_list())
    split = SPLITS["train"]
    truth = torch.tensor([attributes(index, split.seed) for index in range(len(table))])
    heads = AttributeHeads(backbone.width)
    optimiser = torch.optim.AdamW(
        _groups(model, heads, recipe.decay), lr=recipe.rate, betas=(0.9, 0.98)
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, recipe))
    draw = torch.Generator().manual_seed(recipe.seed + 1000 * number)
    for step in range(1, recipe.steps + 1):
        rows = torch.randint(len(table), (recipe.pairs,), generator=draw)
        flip = torch.rand(2 * recipe.pairs, generator=draw) < 0.5
        pictures = _pictures(torch.cat([safe[rows], unsafe[rows]]), flip, backbone.geometry)
        texts = torch.cat([safe_text[rows], unsafe_text[rows]])
        model.train()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            seen, told = model.encode_image(pictures), model.encode_text(texts)
        seen, told = seen.float(), told.float()
        loss = _loss(model, F.normalize(seen, dim=-1), F.normalize(told, dim=-1))
        loss = loss + recipe.crutch * heads(seen, truth[rows].transpose(0, 1).flatten(0, 1))
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        yield step, loss.item()


def _pictures(pixels: Tensor, flip: Tensor, geometry: Geometry) -> Tensor:
    """Mirror where `flip` says so: no caption tells left from right."""
    return geometry.normalised(torch.where(flip[:, None, None, None], pixels.flip(-1), pixels))


def _loss(model: DualEncoder, images: Tensor, texts: Tensor) -> Tensor:
    """CLIP's softmax loss, or SigLIP's sigmoid loss for a model with a logit bias."""
    logits = model.logit_scale.exp() * images @ texts.T
    if model.logit_bias is not None:
        signs = 2 * torch.eye(len(images)) - 1
        return -F.logsigmoid(signs * (logits + model.logit_bias)).sum() / len(images)
    own = torch.arange(len(images))
    return (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2


def _groups(model: DualEncoder, heads: nn.Module, decay: float) -> list[dict[str, object]]:
    """Weight decay for matrices, none for gains, biases and scalars.

    CoCa's caption decoder gets no loss and stays as it was initialised.
    """
    trained = [p for key, p in model.named_parameters() if not key.startswith("text_decoder.")]
    trained += heads.parameters()
    return [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]


def _rate(step: int, recipe: Recipe) -> float:
    """Linear warm-up, then half a cosine down to zero at the last step."""
    if step < recipe.warmup:
        return (step + 1) / recipe.warmup
    return 0.5 * (1 + math.cos(math.pi * step / recipe.steps))
