"""The points that a search begins with: the original, the paper's default, the audit's methods."""

from __future__ import annotations

from dataclasses import replace

from flows.audit.edits import settle
from flows.search.stages import SearchStages
from flows.stages.inputs import Inputs, Towers
from tasks.edit import EditSpec, LayerwiseEditSpec
from uwm.config import AuditConfig, EditMethod, Layerwise, Uwm
from uwm.config.methods.requests import StatisticsScore
from uwm.config.reserved import PAPER_DEFAULT
from uwm.families import TOWERS
from uwm.method.edit_files import read_edit
from uwm.search.space import Point, normal

ORIGINAL, DEFAULT, METHOD, UNIFORM, PROPOSED = (
    *("original", "paper's default", "method", "uniform", "proposed"),
)
"""Where a point comes from."""


def default_method(config: AuditConfig) -> Uwm:
    """The paper's settings: a method of the audit, or one more."""
    for method in config.edit_methods:
        default = Uwm(kind="uwm", name=method.name)
        if method == default:
            return default
    return Uwm(kind="uwm", name=PAPER_DEFAULT)


def first_points(
    stages: SearchStages, config: AuditConfig, inputs: dict[str, Inputs]
) -> dict[str, tuple[str, Point]]:
    """The first points with their origins, each once: the original, the paper's default, and what
    the audit's methods are set to or choose on the validation pairs."""
    default = default_method(config)
    methods = [default, *(method for method in config.edit_methods if method != default)]
    found: dict[str, tuple[str, Point]] = {"": (ORIGINAL, None)}
    for method in methods:
        # What no point of the space can express is measured beside it.
        if (score := _score(method)) is None:
            continue
        origin = DEFAULT if method == default else f"{METHOD} {method.name}"
        point = _as_point(stages, method, score, settle(stages, config, method, inputs)[0])
        if point is not None:
            found.setdefault(point.model_dump_json(), (origin, point))
    return found


def _score(method: EditMethod) -> StatisticsScore | None:
    """The score of a method in both towers, but for the prior, if a search's point can express it.

    None for other weights, scores of a part of the pairs and scores by anything but statistics.
    """
    wanted = [method.request(tower) for tower in TOWERS if method.points(tower)]
    selections = (method.selected_by(tower) for tower in TOWERS if method.points(tower))
    rules = {selected.rule for selected in selections if selected}
    found = {
        replace(request, prior=False)
        for request in wanted
        if isinstance(request, StatisticsScore)
        and request.part is None
        and isinstance(request.score, str)
    }
    whole = all(isinstance(request, StatisticsScore) for request in wanted)
    if method.base is not None or not whole or len(found) != 1 or len(rules) != 1:
        return None
    return found.pop()


def _as_point(
    stages: SearchStages, method: EditMethod, score: StatisticsScore, edits: Towers
) -> Point:
    """What a method's edits do to each layer, None where they do nothing."""
    stages.wait()
    settings: dict[str, tuple[float, float]] = {}
    prior = {"image": False, "text": False}
    rule = "mass"
    for tower, spec in zip(TOWERS, edits, strict=True):
        if isinstance(spec, LayerwiseEditSpec):
            settings |= {name: (share, alpha) for name, share, alpha in spec.layers}
        elif isinstance(spec, EditSpec):
            nodes = stages.nodes(tower)
            edit = read_edit(stages.store.path(spec))
            for id, layer in edit.layers.items():
                whole = spec.scope == "block"
                share = spec.share if whole else len(layer.indices) / nodes[str(id)]
                settings[str(id)] = (share, layer.alpha)
        else:
            continue
        wanted = method.request(tower)
        prior[tower] = isinstance(wanted, StatisticsScore) and wanted.prior
        if spec.rule != "nodes":
            rule = spec.rule
    if not settings:
        return None
    return normal(
        Layerwise.model_validate(
            {
                "kind": "layerwise",
                "unit": score.unit,
                "score": score.score,
                "selection": rule,
                "prior": prior,
                "settings": settings,
            }
        )
    )
