"""A repaired backbone as a folder of its own: what an audit trained and edited, as weights."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage.store.store import Store
from uwm.config import AuditConfig, BackboneConfig
from uwm.config.methods.requests import WeightsFrom
from uwm.errors import InputError, WrongWeightsError
from uwm.families import TOWERS

if TYPE_CHECKING:
    from tasks.tune import TunedWeights
    from uwm.backbones.load import OtherWeights
    from uwm.backbones.write import Form

_DECIDES = ("seed", "precision", "calibration", "validation", "methods", "choice")
"""Keys of an audit's configuration that decide its edits, beside the backbone's own."""


def export(
    config: AuditConfig,
    backbone: str,
    method: str,
    form: Form,
    store: str,
    results: Path,
    out: Path,
) -> list[str]:
    """Write `backbone` with the weights and edits of `method` to the folder `out`.

    They are those that the latest audit of `config` made, as its results name them; each edit is
    applied only to the weights that it was made for. The method `original` needs no audit.

    Args:
        store: where that audit's artifacts lie.
        results: the folder with its `results.json`.

    Returns:
        KIND/DIGEST of the trainings and edits applied, none for the original.

    Raises:
        InputError: no such backbone or method, nothing edited, or no audit of this configuration.
        DamagedArtifactError: an edit or a training is no longer in the store.
        WrongWeightsError: the backbone's weights have changed since.
    """
    found = _backbone(config, backbone)
    settings = {} if method == "original" else _settings(config, found, method, results)
    setting = settings.get(method, {})
    # Heavy, so only once the request is known to make sense.
    from uwm.backbones.load import load
    from uwm.backbones.write import write_backbone
    from uwm.method.edit_files import read_edit

    loaded = load(found)
    provenance = {"uwm.backbone": backbone, "uwm.method": method}
    trained: list[str] = []
    if base := method if "weights" in setting else setting.get("base"):
        provenance["uwm.base"] = base
        weights = settings[base]["weights"]
        trained = [part["artifact"] for part in weights.get("trained", {}).values()]
        loaded = loaded.variant(_change(config, backbone, base, store, trained))
        for tower in TOWERS:
            if loaded.tower_digest(tower) != weights["digests"][tower]:
                raise WrongWeightsError(
                    f"the {tower} tower's weights of {base} are not those that the audit measured; "
                    "run `uwm audit` again"
                )
    edits = [entry["edit"] for tower in TOWERS if (entry := setting.get(tower))]
    with ExitStack() as stack:
        for name in edits:
            folder = Store(store).path(name)
            edit = read_edit(folder)
            stack.enter_context(edit.applied(loaded.model))
            provenance[f"uwm.edit.{edit.tower}"] = (folder / "spec.json").read_text(
                encoding="utf-8"
            )
        write_backbone(out, loaded, form, provenance)
    return trained + edits


def _change(
    config: AuditConfig, backbone: str, base: str, store: str, trained: list[str]
) -> OtherWeights | TunedWeights:
    from tasks.tune import TunedWeights
    from uwm.backbones.load import OtherWeights

    (method,) = (item for item in config.weight_methods if item.name == base)
    wanted = method.weights_for(backbone)
    if isinstance(wanted, WeightsFrom):
        return OtherWeights(wanted.place)
    return TunedWeights(store, tuple(trained))


def _backbone(config: AuditConfig, name: str) -> BackboneConfig:
    named = {item.name: item for item in config.backbones}
    if name not in named:
        raise InputError(f"this audit has the backbones {', '.join(named)}; got {name!r}")
    return named[name]


def _settings(
    config: AuditConfig, backbone: BackboneConfig, method: str, results: Path
) -> dict[str, dict[str, Any]]:
    """What the audit's results say of each method; something of `method`."""
    path = results / "results.json"
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        settings: dict[str, dict[str, Any]] = {
            entry["method"]: entry for entry in content["settings"][backbone.name]
        }
        audited = content["config"]
    except FileNotFoundError:
        raise InputError(
            f"there is no {path}; run `uwm audit` first, or name its results' folder with --results"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not an audit's results: {error!r}") from error
    if _decides(audited, backbone.name) != _decides(config.model_dump(mode="json"), backbone.name):
        raise InputError(
            f"the configuration is not the one that {path} was made with; run `uwm audit` again "
            "(what has not changed is in the store)"
        )
    if method not in settings:
        raise InputError(f"this audit has the methods {', '.join(settings)}; got {method!r}")
    described = settings[method]
    if any(item.name == method and item.rewriting for item in config.methods):
        raise InputError(
            f"{method} rewrites embeddings and edits no weight, so that there is nothing to write"
        )
    if "weights" not in described and not any(described[tower] for tower in TOWERS):
        untouched = described.get("base", "original")
        raise InputError(
            f"{method} left {backbone.name} as it is: no point of its grid was worth it on the "
            f"validation pairs. `{untouched}` writes it unedited"
        )
    return settings


def _decides(config: dict[str, Any], backbone: str) -> dict[str, Any]:
    chosen = [item for item in config.get("backbones", ()) if item.get("name") == backbone]
    return {"backbone": chosen, **{key: config.get(key) for key in _DECIDES}}
