"""A search's results: every trial, the test data's rows, the picks and what may be said of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from flows.audit_file.write import write_config
from flows.results.files import versions
from flows.results.findings import not_audited
from flows.results.table import AuditResults, collect
from flows.search.backbone import Searched, with_points
from flows.search.first import default_method
from uwm.config import AuditConfig, Layerwise, SearchSettings, Uwm
from uwm.families import TOWERS
from uwm.search.proposals import optuna_version


@dataclass(frozen=True)
class SearchResults:
    """Everything that a search found.

    Attributes:
        config: the audit whose data were used.
        test: the results on its benchmarks and zero-shot sets, as an audit's.
    """

    config: AuditConfig
    search: SearchSettings
    found: Mapping[str, Searched]
    test: AuditResults

    @property
    def default(self) -> Uwm:
        """The method with the paper's settings."""
        return default_method(self.config)

    @property
    def sentences(self) -> list[str]:
        """What the test data allow one to say, a sentence per backbone and pick."""
        return [
            *(claim.sentence(name) for name, part in self.found.items() for claim in part.claims),
            *not_audited(self.test),
        ]


def gathered(
    config: AuditConfig,
    search: SearchSettings,
    found: Mapping[str, Searched],
    gaps: Mapping[str, str],
    failures: Mapping[str, str],
) -> SearchResults:
    """The results of all backbones together."""
    parts = {name: part.results for name, part in found.items()}
    return SearchResults(config, search, found, collect(config, parts, {}, gaps, failures))


def trials_table(results: SearchResults) -> pd.DataFrame:
    """A row per backbone and trial: where it comes from, what it was measured at, and each layer's
    share and factor, which a layer that is left alone has not."""
    tables = [_trials(name, searched) for name, searched in results.found.items()]
    return pd.concat(tables, ignore_index=True)


def write_search(folder: Path, results: SearchResults) -> list[Path]:
    """Write the tables, `search.json`, and per backbone an audit with its points as methods.

    No times, no durations: the same search gives the same bytes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    trials, rows, rest = (
        folder / name for name in ("search.parquet", "results.parquet", "search.json")
    )
    trials_table(results).to_parquet(trials, index=False)
    results.test.rows.to_parquet(rows, index=False)
    audits = {
        backbone.name: folder / f"{backbone.name}.yaml"
        for backbone in results.config.backbones
        if backbone.name in results.found
    }
    content = {
        "audit": results.config.name,
        "findings": results.sentences,
        "backbones": {
            name: _described(searched, audits[name].name)
            for name, searched in results.found.items()
        },
        "gaps": results.test.gaps,
        **({"failures": results.test.failures} if results.test.failures else {}),
        "versions": {**versions(), "optuna": optuna_version()},
        "search": results.search.model_dump(mode="json"),
        "config": results.config.model_dump(mode="json"),
    }
    rest.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    for name, path in audits.items():
        write_config(path, _audit(results, name))
    return [trials, rows, rest, *audits.values()]


def point_document(method: Layerwise) -> dict[str, Any]:
    """A chosen point as an entry of `methods:`; defaults are left out."""
    document: dict[str, Any] = method.model_dump(mode="json", exclude_defaults=True)
    return {"kind": document.pop("kind"), "name": document.pop("name"), **document}


def _trials(name: str, searched: Searched) -> pd.DataFrame:
    names = {item.trial: item.method.name for item in searched.chosen}
    rows = [
        {
            "backbone": name,
            "trial": number,
            "generation": trial.generation,
            "origin": trial.origin,
            "chosen": names.get(number),
            "front": number in searched.front,
            "safety": trial.value.safety,
            "knowledge": trial.value.knowledge,
            **trial.metrics,
            "unit": trial.point.unit if trial.point else None,
            **{
                f"{tower}.prior": trial.point.prior[tower] if trial.point else None
                for tower in TOWERS
            },
            **{
                f"{layer}.{what}": value
                for layer, both in (trial.point.settings.items() if trial.point else ())
                for what, value in zip(("share", "alpha"), both, strict=True)
            },
        }
        for number, trial in enumerate(searched.trials)
    ]
    return pd.DataFrame(rows)


def _described(searched: Searched, audit: str) -> dict[str, Any]:
    trials = searched.trials
    return {
        "trials": len(trials),
        "front": [
            {"trial": number, "origin": trials[number].origin, **trials[number].value._asdict()}
            for number in searched.front
        ],
        "original": trials[0].value._asdict(),
        "default": searched.default.value._asdict(),
        "picks": searched.picks,
        "claims": [
            {
                "rule": claim.rule,
                "point": claim.point,
                "beats the default": claim.beats,
                "changes from the default": {
                    claim.metrics[metric].rule_name: [change.value, change.low, change.high]
                    for metric, change in claim.changes.items()
                },
            }
            for claim in searched.claims
        ],
        "points": [
            {
                "trial": item.trial,
                "origin": trials[item.trial].origin,
                **trials[item.trial].value._asdict(),
                "method": point_document(item.method),
            }
            for item in searched.chosen
        ],
        "audit with these points": audit,
    }


def _audit(results: SearchResults, name: str) -> AuditConfig:
    """An audit of one backbone with its chosen points, to be run or exported from anywhere."""
    config = results.config
    whole = with_points(config, results.found[name].chosen, results.search.control_seeds)
    return whole.altered(
        name=f"{config.name}-search-{name}", policy=None, search=results.search
    ).narrowed(backbones=[name])
