import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from tests.makers.backbones import LoadFresh
from uwm.config.methods.requests import Unit
from uwm.layers import LayerId
from uwm.method.edit_files import read_edit, write_edit
from uwm.method.editing import add_changes, make_edit, project


@pytest.mark.parametrize("alpha", [-1.0, 0.3])
@pytest.mark.parametrize("unit", ["weight", "node"])
def test_an_edit_reads_back_and_can_be_undone(
    load_fresh: LoadFresh, tmp_path: Path, alpha: float, unit: Unit
) -> None:
    backbone = load_fresh("clip")
    before = {name: value.clone() for name, value in backbone.model.state_dict().items()}
    selection = {LayerId("text", block, "fc2"): torch.tensor([0, 3, 9]) for block in (0, 1)}
    write_edit(tmp_path, make_edit(backbone.model, "text", selection, alpha, unit), {"why": "test"})
    edit = read_edit(tmp_path)
    assert list(edit.layers) == sorted(selection)
    edit.apply(backbone.model)
    edit.revert(backbone.model)
    assert all(torch.equal(before[name], now) for name, now in backbone.model.state_dict().items())


def test_the_file_tells_its_provenance(load_fresh: LoadFresh, tmp_path: Path) -> None:
    selection = {LayerId("image", 0, "out"): torch.tensor([5])}
    edit = make_edit(load_fresh("clip").model, "image", selection, -1)
    write_edit(tmp_path, edit, {"spec": "{}"})
    with safe_open(tmp_path / "edit.safetensors", framework="pt") as file:
        content = json.loads(file.metadata()["edit"])
    assert (content["spec"], content["tower"]) == ("{}", "image")


def test_an_added_matrix_reads_back_with_its_factors(load_fresh: LoadFresh, tmp_path: Path) -> None:
    backbone = load_fresh("clip")
    before = {name: value.clone() for name, value in backbone.model.state_dict().items()}
    id = LayerId("text", 1, "fc2")
    out, nodes = backbone.model.get_parameter("transformer.resblocks.1.mlp.c_proj.weight").shape
    factors = torch.rand(out, 2).double(), torch.rand(2, nodes).double()
    write_edit(tmp_path, add_changes(backbone.model, "text", {id: factors}))
    edit = read_edit(tmp_path)
    assert torch.equal(edit.added[id].left, factors[0])
    assert torch.equal(edit.added[id].right, factors[1])
    with edit.applied(backbone.model):
        pass
    assert all(torch.equal(before[name], now) for name, now in backbone.model.state_dict().items())


def test_a_map_of_the_projection_reads_back(load_fresh: LoadFresh, tmp_path: Path) -> None:
    backbone = load_fresh("clip")
    factors = torch.randn(backbone.dim, 2), torch.randn(2, backbone.dim)
    made = project(backbone.model, "image", *factors)
    write_edit(tmp_path, made)
    edit = read_edit(tmp_path)
    assert edit.projected is not None
    assert made.projected is not None
    assert edit.projected.edited.equal(made.projected.edited)
    with edit.applied(backbone.model):
        pass
