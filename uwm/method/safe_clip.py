"""Safe-CLIP: a tower trained, by low-rank factors, towards the safe embeddings of its frozen self.

Poppi et al., ECCV 2024, arXiv 2311.16254, with the losses of the released code. Every loss compares
one tower in training with frozen embeddings, never with the other tower in training, so that the
two towers are trained independently and give the same as trained together.

Unlike the released code: a fixed number of epochs instead of early stopping, no dropout in the
factors, and no factors of the patch embedding.
"""

from __future__ import annotations

import copy
import dataclasses
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from uwm.backbones.backbone import Backbone
from uwm.config import LossWeights, LowRankTraining
from uwm.errors import NotFiniteError
from uwm.families import Role, Tower
from uwm.layers import Layer, LayerId, find_layers

WINDOW = 2048
"""Pairs in memory at a time, within which their order is drawn; the windows' order is, too."""


def cosine_distance(embeddings: Tensor, targets: Tensor) -> Tensor:
    """Mean of 1 - cosine, row by row: (B, D), (B, D) -> ()."""
    return (1 - F.cosine_similarity(embeddings, targets)).mean()


def contrastive(embeddings: Tensor, targets: Tensor, logit_scale: float) -> Tensor:
    """CLIP's symmetric loss, row i of one belonging to row i of the other: (B, D), (B, D) -> ()."""
    logits = logit_scale * F.normalize(embeddings, dim=1) @ F.normalize(targets, dim=1).T
    labels = torch.arange(len(logits), device=logits.device)
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


def losses(
    safe: Tensor, unsafe: Tensor, own: Tensor, other: Tensor, logit_scale: float
) -> dict[str, Tensor]:
    """The four losses of one tower (Sec. 3.2), each a scalar, by the names of `LossWeights`.

    Redirection draws unsafe embeddings to the frozen embeddings of their safe counterparts, in the
    own tower by cosine and in the other one against the other pairs; preservation does the same
    with safe embeddings.

    Args:
        safe, unsafe: the tower's embeddings in training, (B, D).
        own: its frozen embeddings of the safe inputs, (B, D).
        other: the other tower's, of the same pairs, (B, D).
    """
    return {
        "redirection": cosine_distance(unsafe, own),
        "redirection_contrastive": contrastive(unsafe, other, logit_scale),
        "preservation": cosine_distance(safe, own),
        "preservation_contrastive": contrastive(safe, other, logit_scale),
    }


@dataclasses.dataclass(frozen=True)
class Factors:
    """A change of a layer's (out, in) weight: `up` (out, rank) times `down` (rank, in)."""

    up: Tensor
    down: Tensor

    @torch.no_grad()
    def add_to(self, weight: Tensor) -> None:
        """Add the product to `weight` in place.

        Rank by rank: unlike a matrix product's, these sums are the same bits on every machine.
        """
        up, down = self.up.to(weight.device), self.down.to(weight.device)
        for column, row in zip(up.T, down, strict=True):
            weight += column[:, None] * row


class _LowRank(nn.Module):
    """A parameter plus the products of its layers' factors, as a parametrization.

    Args:
        layers: those whose weights the parameter holds: one, or some of query, key and value.
        scale: what each product is multiplied by.
    """

    def __init__(
        self, model: nn.Module, layers: Sequence[Layer], training: Sequence[Factors], scale: float
    ) -> None:
        super().__init__()
        self._scale = scale
        self._thirds = [layer.site.third for layer in layers]
        self._shapes = [layer.weight(model).shape for layer in layers]
        self.ups = nn.ParameterList(factors.up for factors in training)
        self.downs = nn.ParameterList(factors.down for factors in training)

    def forward(self, weight: Tensor) -> Tensor:
        products: list[Tensor] = [
            self._scale * (up @ down) for up, down in zip(self.ups, self.downs, strict=True)
        ]
        if self._thirds == [None]:
            return weight + products[0].view_as(weight)
        by_third = dict(zip(self._thirds, products, strict=True))
        zeros = weight.new_zeros(self._shapes[0])
        return weight + torch.cat([by_third.get(third, zeros) for third in range(3)])


class Training:
    """One tower in training: the factors of its layers, and the optimiser's state.

    The backbone itself stays as it is; its tensors are read as long as the training lasts.

    Args:
        roles: the layers to adapt.
    """

    def __init__(
        self,
        backbone: Backbone,
        tower: Tower,
        roles: Sequence[Role],
        options: LowRankTraining,
        weights: LossWeights,
    ) -> None:
        self._tower, self._options = tower, options
        self._weights = weights.model_dump()
        model = shadow(backbone.model)
        self._backbone = dataclasses.replace(backbone, model=model, reload=None)
        layers = find_layers(model, tower, roles)
        generator = torch.Generator().manual_seed(options.seed)
        self._scale = options.lora_alpha / options.rank
        self._training = attach(model, layers, options.rank, generator, self._scale)
        self._optimiser = torch.optim.AdamW(self._parameters().values(), lr=options.learning_rate)
        self.steps = 0

    @property
    def factors(self) -> dict[LayerId, Factors]:
        """What has been trained so far, of products that include the scale."""
        return {
            id: Factors(self._scale * factors.up.detach(), factors.down.detach())
            for id, factors in self._training.items()
        }

    def step(self, safe: Tensor, unsafe: Tensor, own: Tensor, other: Tensor) -> dict[str, float]:
        """One step on a batch of pairs; its losses before the step.

        Args:
            safe, unsafe: inputs of the tower, B each, see `Backbone.forward`.
            own, other: frozen embeddings of the safe inputs by this and the other tower, (B, D).

        Raises:
            NotFiniteError: a loss is NaN or infinite.
        """
        device = self._backbone.device
        embedded = self._backbone.differentiable(self._tower, torch.cat([safe, unsafe]))
        safe_embedded, unsafe_embedded = embedded.chunk(2)
        found = losses(
            safe_embedded,
            unsafe_embedded,
            own.to(device),
            other.to(device),
            self._options.logit_scale,
        )
        values = {name: value.item() for name, value in found.items()}
        if not all(map(math.isfinite, values.values())):
            listed = ", ".join(f"{name} {value}" for name, value in values.items())
            raise NotFiniteError(
                f"step {self.steps + 1} of the {self._tower} tower's training has losses that are "
                f"no finite numbers ({listed}); lower its learning_rate "
                f"({self._options.learning_rate})"
            )
        self._optimiser.zero_grad()
        total = torch.stack([self._weights[name] * value for name, value in found.items()]).sum()
        torch.autograd.backward(total)
        self._optimiser.step()
        self.steps += 1
        return values

    def state(self) -> dict[str, Tensor]:
        """All that the next step depends on, on the CPU, by name; see `restore`."""
        tensors = {}
        for name, parameter in self._parameters().items():
            tensors[name] = parameter.detach()
            for part, value in self._optimiser.state[parameter].items():
                tensors[f"{name}.{part}"] = value
        return {name: value.cpu().clone() for name, value in tensors.items()}

    def restore(self, state: Mapping[str, Tensor], steps: int) -> None:
        """Go on from `state`, which `steps` steps led to."""
        self.steps = steps
        for name, parameter in self._parameters().items():
            with torch.no_grad():
                parameter.copy_(state[name])
            prefix = f"{name}."
            self._optimiser.state[parameter] = {
                part.removeprefix(prefix): (
                    value.clone() if part.endswith(".step") else value.to(parameter.device)
                )
                for part, value in state.items()
                if part.startswith(prefix)
            }

    def _parameters(self) -> dict[str, Tensor]:
        return {
            f"{id}.{part}": getattr(factors, part)
            for id, factors in self._training.items()
            for part in ("up", "down")
        }


def schedule(samples: int, options: LowRankTraining) -> Iterator[tuple[slice, list[Tensor]]]:
    """Every batch of a training in order, window by window, epoch by epoch.

    Yields:
        The rows of a window, and for each of its batches which of these, int64 (B,). Every pair is
        in one batch of each epoch; the batches of a window differ by one pair at most.
    """
    windows = [slice(start, min(start + WINDOW, samples)) for start in range(0, samples, WINDOW)]
    generator = torch.Generator().manual_seed(options.seed)
    for _ in range(options.epochs):
        for number in torch.randperm(len(windows), generator=generator).tolist():
            rows = windows[number]
            size = rows.stop - rows.start
            order = torch.randperm(size, generator=generator)
            yield rows, list(order.tensor_split(-(-size // options.batch_size)))


def steps_per_epoch(samples: int, options: LowRankTraining) -> int:
    """How many batches the schedule has per epoch."""
    whole, rest = divmod(samples, WINDOW)
    return whole * -(-WINDOW // options.batch_size) + -(-rest // options.batch_size)


def attach(
    model: nn.Module,
    layers: Sequence[Layer],
    rank: int,
    generator: torch.Generator,
    scale: float = 1.0,
) -> dict[LayerId, Factors]:
    """Trainable factors of some layers of `model`, which computes with them from now on.

    Their products, times `scale`, are added to weights. They are 0: `up` is, and `down` is drawn
    as a linear layer's weight.
    """
    factors = {layer.id: _initial(layer.weight(model), rank, generator) for layer in layers}
    for path, group in _by_parameter(layers).items():
        module, _, name = path.rpartition(".")
        low_rank = _LowRank(model, group, [factors[layer.id] for layer in group], scale)
        parametrize.register_parametrization(model.get_submodule(module), name, low_rank)
    return factors


@torch.no_grad()
def merge(model: nn.Module, layers: Sequence[Layer], factors: Mapping[LayerId, Factors]) -> None:
    """Put weights plus products of factors in place of the weights of some layers of `model`.

    The tensors are new ones; what else has the old ones keeps them.
    """
    for path, group in _by_parameter(layers).items():
        parameter = model.get_parameter(path)
        parameter.data = parameter.data.clone()
        for layer in group:
            factors[layer.id].add_to(layer.weight(model))


def adapted(original: Backbone, factors: Mapping[LayerId, Factors]) -> Backbone:
    """`original` with the products of factors added to its weights.

    It has tensors of its own only where they differ.
    """
    model = shadow(original.model)
    towers = sorted({id.tower for id in factors})
    layers = [layer for tower in towers for layer in find_layers(model, tower)]
    merge(model, [layer for layer in layers if layer.id in factors], factors)
    return dataclasses.replace(original, model=model, reload=None)


def shadow(model: nn.Module) -> nn.Module:
    """A copy of the modules with parameters of its own that share the original's memory."""
    shared: dict[int, Tensor] = {id(buffer): buffer for buffer in model.buffers()}
    for parameter in model.parameters():
        shared[id(parameter)] = nn.Parameter(parameter.detach(), requires_grad=False)
    return copy.deepcopy(model, shared)


def _by_parameter(layers: Sequence[Layer]) -> dict[str, list[Layer]]:
    found: dict[str, list[Layer]] = defaultdict(list)
    for layer in layers:
        found[layer.parameter].append(layer)
    return found


def _initial(weight: Tensor, rank: int, generator: torch.Generator) -> Factors:
    outputs, inputs = weight.shape
    bound = 1 / math.sqrt(inputs)
    down = torch.empty(rank, inputs).uniform_(-bound, bound, generator=generator)
    return Factors(
        nn.Parameter(torch.zeros(outputs, rank, device=weight.device)),
        nn.Parameter(down.to(weight.device)),
    )
