"""A share and a factor for each layer by itself."""

from __future__ import annotations

from typing import Any

from uwm.config import Layerwise
from uwm.config.methods.requests import Selection, StatisticsScore
from uwm.families import TOWERS

SETTINGS = {"image.01.fc2": (0.1, -1.0), "image.00.fc1": (0.2, 0.0), "text.01.out": (0.3, -2.0)}


def method(**changes: Any) -> Layerwise:
    return Layerwise.model_validate({"kind": "layerwise", "settings": SETTINGS} | changes)


def test_every_named_layer_is_in_one_towers_only_point() -> None:
    found = {
        str(id): tuple(point)
        for tower in TOWERS
        for points in method().points(tower)
        for id, point in points.layers.items()
    }
    assert found == SETTINGS
    assert not method().chooses
    assert not method().rescored


def test_roles_are_those_of_its_layers() -> None:
    roles = method().roles
    assert (roles["image"], roles["text"]) == (("fc1", "fc2"), ("out",))
    assert Layerwise.roles_key == "settings"


def test_nodes_have_no_prior_and_are_selected_as_nodes() -> None:
    nodes = method(unit="node", score="standardized")
    assert nodes.selected_by("text") == Selection("nodes")
    assert nodes.request("text") == StatisticsScore("node", "standardized")
    assert method().selected_by("text") == Selection("mass")
    assert method().request("text").prior
