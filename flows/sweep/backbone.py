"""One backbone's sweep: every image edit with every text edit, a pass per edit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, NamedTuple

import pandas as pd
from prefect import flow

from flows.audit.backbone import read_inputs, spread
from flows.audit.edits import tower_edits
from flows.audit.texts import short_texts, unread_texts
from flows.stages.inputs import Inputs
from flows.stages.stages import Stages
from flows.sweep.results import SETTINGS, BackboneSweep
from storage.store.store import Store
from tasks.artifacts import TowerEditSpec
from tasks.datasets import DataConfig
from tasks.edit import EditSpec
from tasks.embed import EmbeddingsSpec
from tasks.metrics import metric_plugins
from tasks.sweep import GridSpec, read_grid
from uwm.backbones.load import load
from uwm.config import (
    AuditConfig,
    BackboneConfig,
    Common,
    EditMethod,
    Roles,
    Sweep,
    SweepSettings,
    TowerPoint,
)
from uwm.families import TOWERS, Tower

_ORIGINAL_METHOD = '{"kind": "original"}'


@dataclass(frozen=True)
class Row:
    """One row of the table: what is edited in either tower, and for a control its seed."""

    common: Common
    image: TowerPoint | None
    text: TowerPoint | None
    method: str
    control: int | None = None

    def columns(self) -> dict[str, Any]:
        """The row's settings, flat; of a tower that is left alone they are missing."""
        part = self.common.part
        flat: dict[str, Any] = {
            "score": self.common.score,
            "selects": self.common.rule,
            "per_concept": part and part.per_concept,
            "seed": part and part.seed,
            "control": self.control,
        }
        for tower in TOWERS:
            point: TowerPoint | None = getattr(self, tower)
            for name in SETTINGS:
                value = getattr(point, name, None)
                flat[f"{tower}_{name}"] = _written(value) if name in SETTINGS[:2] else value
        return flat | {"method": self.method}


@flow(name="sweep-backbone", flow_run_name="sweep · {backbone.name}", persist_result=False)
def sweep_backbone(
    config: AuditConfig, settings: SweepSettings, backbone: BackboneConfig, store: str
) -> BackboneSweep:
    """Every edit of a sweep on one backbone."""
    loaded = load(backbone, config.device, config.precision)
    stages = Stages(
        *(Store(store), loaded, backbone.name, config.batch_size, config.seed),
        spread=spread(),
        tagged=config.tag_tasks,
    )
    layout = lay_out_sweep(stages, config, settings)
    stages.wait()
    tables = []
    for spec, numbers in layout.grids:
        table = read_grid(stages.store, spec)
        tables.append(table.assign(row=[numbers[place] for place in table.pop("text")]))
    columns = pd.DataFrame([row.columns() for row in layout.rows]).convert_dtypes()
    columns.insert(0, "row", range(len(columns)))
    return BackboneSweep(
        rows=columns.merge(pd.concat(tables, ignore_index=True), on="row"),
        passes={tower: len(found) for tower, found in layout.edits.items()},
        used=tuple(map(str, stages.used)),
        excluded=layout.excluded,
        unread=tuple(layout.unread),
    )


class Edited(NamedTuple):
    """A tower as a row has it: untouched, with a point's edit, or with a random one like it."""

    point: TowerPoint | None = None
    edit: TowerEditSpec | None = None
    seed: int | None = None


ORIGINAL = Edited()


@dataclass
class Layout:
    """A sweep laid out.

    Attributes:
        rows: every row of the table.
        grids: the artifacts that measure them, with the rows' numbers in the order of text edits.
        edits: digests of each tower's edits.
        excluded, unread: as in `storage.formats.backbone_results`.
    """

    rows: list[Row] = field(default_factory=list)
    grids: list[tuple[GridSpec, list[int]]] = field(default_factory=list)
    edits: dict[Tower, set[str]] = field(default_factory=lambda: {tower: set() for tower in TOWERS})
    excluded: Mapping[str, int] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    def add(self, settings: Sweep, common: Common, image: Edited, text: Edited) -> int:
        """The number of a new row."""
        edited = image.point is not None or text.point is not None
        method = settings.method(common, image.point, text.point) if edited else None
        self.rows.append(
            Row(
                common,
                image.point,
                text.point,
                method.model_dump_json(exclude_none=True) if method else _ORIGINAL_METHOD,
                image.seed if image.seed is not None else text.seed,
            )
        )
        for tower, found in zip(TOWERS, (image, text), strict=True):
            self.edits[tower] |= {found.edit.digest} if found.edit else set()
        return len(self.rows) - 1


def lay_out_sweep(stages: Stages, config: AuditConfig, settings: Sweep) -> Layout:
    """Submit every stage of one backbone's sweep; nothing is awaited but the tokens."""
    pairs = config.benchmarks[0]
    sets: dict[str, DataConfig] = {"calibration": config.calibration, f"pairs {pairs.name}": pairs}
    sets |= {f"zero-shot {data.name}": data for data in config.zeroshot_sets}
    inputs = read_inputs(stages, sets)
    calibration = inputs.pop("calibration")
    zeroshot = tuple(
        (data.name, inputs[f"zero-shot {data.name}"].dataset) for data in config.zeroshot_sets
    )
    # The roles of all edits decide what is captured, so that one pass serves them all.
    config = config.altered(methods=tuple(_alone(settings)))
    unsafe = tuple(data.name for data in config.zeroshot_sets if data.unsafe)
    layout = Layout(excluded=short_texts(stages, config, calibration))
    _, layout.unread = unread_texts(
        *(stages, config.seed, {name: sets[name] for name in inputs}), inputs
    )

    def embedded(tower: Tower, edit: TowerEditSpec | None) -> list[EmbeddingsSpec]:
        return stages.embeddings(tower, edit, [data[tower] for data in inputs.values()])

    original = embedded("image", None), embedded("text", None)
    for common in settings.common():
        edits = {
            tower: [
                _edited(stages, config, settings, common, tower, point, calibration)
                for point in settings.points(tower)
            ]
            for tower in TOWERS
        }
        for image, texts in _lines(stages, settings, edits["image"], edits["text"]):
            if image is ORIGINAL and layout.rows:
                texts = [text for text in texts if text is not ORIGINAL]  # the original once
            if not texts:
                continue
            spec = GridSpec(
                pairs=pairs.name,
                dataset=inputs[f"pairs {pairs.name}"].dataset,
                zeroshot=zeroshot,
                unsafe=unsafe,
                image=embedded("image", image.edit),
                texts=tuple(embedded("text", text.edit) for text in texts),
                original=original,
                resamples=config.resamples,
                seed=config.seed,
                metrics=metric_plugins(config.metrics),
            )
            stages.make([spec], f"row {len(layout.grids) + 1}")
            numbers = [layout.add(settings, common, image, text) for text in texts]
            layout.grids.append((spec, numbers))
    return layout


def _alone(settings: Sweep) -> Iterator[EditMethod]:
    """Methods that between them have every score and role of the sweep."""
    found: dict[tuple[str, Roles], EditMethod] = {}
    for common in settings.common():
        for image in settings.points("image"):
            found.setdefault(
                (f"image {common.score}", image.roles), settings.method(common, image, None)
            )
        for text in settings.points("text"):
            found.setdefault(
                (f"text {common.score}", text.roles), settings.method(common, None, text)
            )
    for number, method in enumerate(found.values()):
        yield method.model_validate({**dict(method), "name": f"sweep {number}"})


def _edited(
    stages: Stages,
    config: AuditConfig,
    settings: Sweep,
    common: Common,
    tower: Tower,
    point: TowerPoint,
    calibration: Inputs,
) -> Edited:
    both = (point, None) if tower == "image" else (None, point)
    (edit,) = tower_edits(stages, config, settings.method(common, *both), tower, calibration)
    return Edited(point, edit)


def _lines(
    stages: Stages, settings: Sweep, images: list[Edited], texts: list[Edited]
) -> Iterator[tuple[Edited, list[Edited]]]:
    """Every image edit with the text edits that it is measured with, and then the controls."""
    if settings.towers == "cross":
        for image in (ORIGINAL, *images):
            yield image, [ORIGINAL, *texts]
    else:
        yield ORIGINAL, [ORIGINAL]
        for image, text in zip_longest(images, texts, fillvalue=ORIGINAL):
            yield image, [text]
    if settings.controls:
        for image in images:
            yield from ((drawn, [ORIGINAL]) for drawn in _controls(stages, settings, image))
        yield ORIGINAL, [drawn for text in texts for drawn in _controls(stages, settings, text)]


def _controls(stages: Stages, settings: Sweep, like: Edited) -> list[Edited]:
    if not isinstance(like.edit, EditSpec):
        return []
    drawn = stages.random_edits(like.edit, settings.controls)
    return [Edited(like.point, edit, seed) for seed, edit in enumerate(drawn)]


def _written(value: Any) -> str | None:
    """A setting as one word: roles and blocks are lists."""
    return None if value is None else value if isinstance(value, str) else " ".join(map(str, value))
