"""Audits that are kept: one dated record each, for what came of a backbone over time.

A record is `STORE/audits/NAME/WHEN.json`, written aside and renamed. It holds figures, and names
the evaluations whose outcomes a later audit is compared with sample by sample.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from filelock import FileLock
from pydantic import AfterValidator, AwareDatetime, BaseModel, ValidationError

from storage.store.store import AUDITS, Store
from uwm.errors import InputError

_FORM = "%Y-%m-%dT%H%M%SZ"


def _utc_second(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(microsecond=0)


class Figure(BaseModel, frozen=True, extra="forbid"):
    """A row of the results, in percent; see `flows.results.table.COLUMNS`."""

    backbone: str
    method: str
    dataset: str
    metric: str
    value: float
    low: float
    high: float
    n: int


class KeptAudit(BaseModel, frozen=True, extra="forbid"):
    """What is kept of an audit.

    Attributes:
        when: when it ended, UTC to the second.
        data: the content digest of every benchmark and zero-shot set, by name.
        evaluations: per backbone and method the artifacts (KIND/DIGEST) with its outcomes.
        figures: of every method but random controls.
        verdict: by its policy; without one it is not judged.
        broken: what its policy says against it, a line each.
        accepted: whether it may be the baseline of a later audit.
        failed: backbones that could not be audited.
    """

    name: str
    when: Annotated[AwareDatetime, AfterValidator(_utc_second)]
    data: Mapping[str, str]
    evaluations: Mapping[str, Mapping[str, tuple[str, ...]]]
    figures: tuple[Figure, ...]
    verdict: Literal["passed", "regressed", "not judged"]
    broken: tuple[str, ...] = ()
    accepted: bool = True
    failed: tuple[str, ...] = ()


def keep(store: Store, audit: KeptAudit) -> KeptAudit:
    """Write an audit's record; of two that ended in the same second one is dated a second later."""
    folder = store.root / AUDITS / audit.name
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / ".lock"):
        while (folder / f"{written(audit.when)}.json").exists():
            audit = audit.model_copy(update={"when": audit.when + timedelta(seconds=1)})
        _write(store, audit)
    return audit


def kept(store: Store, name: str) -> list[KeptAudit]:
    """The kept audits of this name, oldest first."""
    return [_read(path) for path in sorted((store.mirror(AUDITS) / name).glob("*.json"))]


def names(store: Store) -> list[str]:
    """The names of audits with records."""
    folder = store.mirror(AUDITS)
    return sorted(path.name for path in folder.glob("*") if any(path.glob("*.json")))


def baseline(store: Store, name: str, when: datetime | None) -> KeptAudit | None:
    """What an audit is compared with: the last accepted one, or the one kept at `when`.

    Raises:
        InputError: none was kept at `when`.
    """
    audits = kept(store, name)
    if when is not None:
        return _at(audits, name, when)
    return next((audit for audit in reversed(audits) if audit.accepted), None)


def accept(store: Store, name: str, when: datetime | None) -> KeptAudit:
    """Let a kept audit be a baseline though it regressed: the last one, or the one at `when`.

    Raises:
        InputError: there is none, or it lacks a backbone.
    """
    audits = kept(store, name)
    if not audits:
        known = ", ".join(names(store)) or "none yet"
        raise InputError(f"no audit named {name} is kept in {store.url}; kept: {known}")
    audit = _at(audits, name, when) if when else audits[-1]
    if audit.failed:
        raise InputError(
            f"a baseline has every backbone; {written(audit.when)} has none of "
            f"{', '.join(audit.failed)}"
        )
    audit = audit.model_copy(update={"accepted": True})
    _write(store, audit)
    return audit


def written(when: datetime) -> str:
    """A record's time as its file is named, and as people give it: 2026-11-24T103000Z."""
    return when.astimezone(UTC).strftime(_FORM)


def given(text: str) -> datetime:
    """The time that a person gives, in `written`'s form or ISO 8601.

    Raises:
        InputError: it is neither.
    """
    try:  # ISO 8601's basic form of a time goes with its extended form of a date here
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"a time is written as `uwm history` shows it, 2026-11-24T103000Z; got {text}"
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _at(audits: list[KeptAudit], name: str, when: datetime) -> KeptAudit:
    for audit in audits:
        if audit.when == _utc_second(when):
            return audit
    times = ", ".join(written(audit.when) for audit in audits[-5:]) or "none"
    raise InputError(f"no audit {name} is kept of {written(when)}; the last ones: {times}")


def _write(store: Store, audit: KeptAudit) -> None:
    path = store.root / AUDITS / audit.name / f"{written(audit.when)}.json"
    fresh = path.with_name(f".{path.name}-{os.getpid()}")
    fresh.write_text(audit.model_dump_json(indent=1))
    store.share(fresh.rename(path))


def _read(path: Path) -> KeptAudit:
    try:
        return KeptAudit.model_validate_json(path.read_text())
    except ValidationError as error:
        raise InputError(
            f"{path} is not the record of an audit: {error.error_count()} problems; delete it"
        ) from error
