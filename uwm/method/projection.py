"""A tower's final projection: the linear map whose output, at unit length, is the embedding.

open_clip has it in places of its own: a matrix that inputs are multiplied by from the left (CLIP,
CoCa), a linear layer with or without a bias (SigLIP's texts, timm heads), or the last layer of a
small network (Hugging Face towers). Towers that end otherwise, such as SigLIP's pictures, whose
attention pool ends in a residual sum, have none.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from uwm.backbones.backbone import Backbone
from uwm.errors import UnsupportedFamilyError
from uwm.families import Tower

_PLACES: dict[Tower, tuple[str, ...]] = {
    "text": ("text.text_projection", "text_projection", "text.proj"),
    "image": (
        *("visual.proj", "visual.head.proj", "visual.head.mlp.fc2", "visual.attnpool.c_proj"),
        *("visual.trunk.head.fc", "visual.trunk.head"),
    ),
}
_TOLERANCE = 0.02


@dataclass(frozen=True)
class Projection:
    """Where a tower's final projection is: of an input x the embedding is W x + b.

    Attributes:
        weight: the parameter that holds W.
        transposed: it holds W as (in, dim).
        bias: the parameter that holds b; None where there is none.
    """

    weight: str
    transposed: bool = False
    bias: str | None = None

    def read(self, model: nn.Module) -> Tensor:
        """W, and b as a last column where there is one: (dim, in) or (dim, in + 1), on the CPU."""
        weight = model.get_parameter(self.weight).detach()
        weight = weight.T if self.transposed else weight
        if self.bias is None:
            return weight.cpu().clone()
        bias = model.get_parameter(self.bias).detach()
        return torch.cat([weight, bias.unsqueeze(1)], dim=1).cpu()

    def write(self, model: nn.Module, values: Tensor) -> None:
        """Put what `read` gives in place."""
        weight = values if self.bias is None else values[:, :-1]
        with torch.no_grad():
            model.get_parameter(self.weight).copy_(weight.T if self.transposed else weight)
            if self.bias is not None:
                model.get_parameter(self.bias).copy_(values[:, -1])


def find_projection(model: nn.Module, tower: Tower) -> Projection:
    """The final projection of a tower.

    Raises:
        UnsupportedFamilyError: it has none that is known here.
    """
    parameters = dict(model.named_parameters())
    modules = dict(model.named_modules())
    for place in _PLACES[tower]:
        if place in parameters:
            return Projection(place, transposed=True)
        found = modules.get(place)
        if isinstance(found, nn.Sequential) and len(found):
            place, found = f"{place}.{len(found) - 1}", found[-1]
        if isinstance(found, nn.Linear):
            return Projection(
                f"{place}.weight", bias=None if found.bias is None else f"{place}.bias"
            )
    raise UnsupportedFamilyError(
        f"the {tower} tower of this {type(model).__name__} ends in no linear projection; leave it "
        "out of `towers`, or use `redirect`, which edits a block"
    )


def check_projection(backbone: Backbone, tower: Tower) -> None:
    """Scale a tower's final projection, and see its embeddings follow.

    The model is left as it was. To be called while no other pass of the tower runs.

    Raises:
        UnsupportedFamilyError: the tower has no final projection, or something stands behind it.
    """
    projection = find_projection(backbone.model, tower)
    if tower == "text":
        sample = backbone.tokenize(["a picture of a house"])
    else:
        shape = (1, 3, backbone.geometry.height, backbone.geometry.width)
        sample = torch.arange(3 * shape[2] * shape[3]).remainder(251).to(torch.uint8).view(shape)
    before, originals = backbone.encode(tower, sample), projection.read(backbone.model)
    scales = torch.linspace(0.5, 2, len(originals))
    try:
        projection.write(backbone.model, originals * scales.unsqueeze(1))
        after = backbone.encode(tower, sample)
    finally:
        projection.write(backbone.model, originals)
    expected = torch.nn.functional.normalize(before * scales.to(before), dim=-1)
    if not torch.allclose(after, expected, rtol=0, atol=_TOLERANCE):
        raise UnsupportedFamilyError(
            f"the {tower} tower's embeddings do not follow its final projection "
            f"({projection.weight}), since something else stands behind it; leave it out of "
            "`towers`, or use `redirect`, which edits a block"
        )
