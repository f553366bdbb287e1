"""What a store remembers of audits: dated records of each, and which artifacts it stands on.

Everything lies in `STORE/audits/NAME/`, written aside and renamed, each with a checksum:

- `WHEN.json`, a `KeptAudit` per audit of all its backbones. It holds figures, and names the
  evaluations whose outcomes a later audit is compared with sample by sample.
- `used/audit.json`, `used/search.json` and `used/sweep.json`, a `Used` each: the artifacts that the
  latest run of this kind stands on, which `storage.store.garbage` spares.

A damaged record is never taken for an empty one: it is left out with a warning, and while it is
not known what a run stands on, nothing that is complete is garbage.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel

from storage.store import durable
from storage.store.store import Store
from uwm.errors import InputError

_AUDITS, _USED = "audits", "used"
_FORM = "%Y-%m-%dT%H%M%SZ"
_logger = logging.getLogger(__name__)


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


Kind = Literal["audit", "search", "sweep"]
"""What may be run under an audit's name."""


class Used(BaseModel, frozen=True, extra="forbid"):
    """What the latest run of one kind under one name stands on, as KIND/DIGEST.

    Attributes:
        backbones: the artifacts per backbone.
        baseline: the evaluations that it was compared with.
        whole: false where an earlier record was damaged, and with it what it said of backbones
            that were not run since.
    """

    backbones: Mapping[str, tuple[str, ...]]
    baseline: tuple[str, ...] = ()
    whole: bool = True

    @property
    def names(self) -> list[str]:
        """All of them, sorted."""
        return sorted({*self.baseline}.union(*self.backbones.values()))


def record(
    store: Store,
    name: str,
    kind: Kind,
    made: Mapping[str, Iterable[str]],
    *,
    backbones: Collection[str] | None,
    baseline: Iterable[str] = (),
) -> None:
    """Note the artifacts (KIND/DIGEST) that a run stands on, by backbone.

    What was noted of a backbone that is not in `made` stays: it failed this time, or was left out.

    Args:
        backbones: all that the audit has, to forget others; None where only some of them were run,
            to forget none.
    """
    path = store.root / _AUDITS / name / _USED / f"{kind}.json"
    with store.telling(), store.lock(_AUDITS, f"{name}-{kind}"):
        store.mirror(_AUDITS)
        nothing = Used(backbones={})
        past = _read(path, Used) if path.exists() else nothing
        known = past is not None and past.whole
        past = past or nothing
        stays = {
            each: used
            for each, used in past.backbones.items()
            if backbones is None or each in backbones
        }
        new = {each: tuple(sorted({*used})) for each, used in made.items()}
        compared = {*baseline, *(past.baseline if backbones is None else ())}
        whole = known or (backbones is not None and {*backbones} <= {*made})
        used = Used(backbones=stays | new, baseline=tuple(sorted(compared)), whole=whole)
        _write(store, path, used)


def recorded(store: Store) -> dict[str, list[str]]:
    """The artifacts noted, per kind and name of a run such as `sweep weekly`."""
    return {name: used.names for name, used in _uses(store).items() if used is not None}


def unknown(store: Store) -> list[str]:
    """The runs, as in `recorded`, of which it is not known what they stand on.

    Their records are damaged. A run of all backbones under the same name mends that.
    """
    return [name for name, used in _uses(store).items() if used is None or not used.whole]


def _uses(store: Store) -> dict[str, Used | None]:
    return {
        f"{path.stem} {path.parent.parent.name}": _read(path, Used)
        for path in sorted(store.mirror(_AUDITS).glob(f"*/{_USED}/*.json"))
    }


def keep(store: Store, audit: KeptAudit) -> KeptAudit:
    """Write an audit's record; of two that ended in the same second one is dated a second later."""
    with store.telling(), store.lock(_AUDITS, audit.name):
        while _path(store, audit).exists():
            audit = audit.model_copy(update={"when": audit.when + timedelta(seconds=1)})
        _write(store, _path(store, audit), audit)
    return audit


def kept(store: Store, name: str) -> list[KeptAudit]:
    """The kept audits of this name, oldest first; damaged records are left out with a warning."""
    paths = sorted((store.mirror(_AUDITS) / name).glob("*.json"))
    return [audit for path in paths if (audit := _read(path, KeptAudit)) is not None]


def names(store: Store) -> list[str]:
    """The names of audits with records."""
    folder = store.mirror(_AUDITS)
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
    with store.telling():
        _write(store, _path(store, audit), audit)
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


def _path(store: Store, audit: KeptAudit) -> Path:
    return store.root / _AUDITS / audit.name / f"{written(audit.when)}.json"


def _write(store: Store, path: Path, content: BaseModel) -> None:
    durable.make_folder(path.parent, within=store.root)
    record = content.model_dump(mode="json")
    durable.write(
        path, json.dumps({"sha256": _digest(record), "record": record}, indent=1).encode()
    )
    store.share(path)


_Record = TypeVar("_Record", bound=BaseModel)


def _read(path: Path, kind: type[_Record]) -> _Record | None:
    """What `_write` wrote, None with a warning where it is damaged."""
    try:
        content = json.loads(path.read_bytes())
        if content["sha256"] != _digest(content["record"]):
            raise ValueError("it has other content than was written")
        return kind.model_validate(content["record"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        why = str(error) if type(error) is ValueError else type(error).__name__
        _logger.warning("the record %s is damaged (%s) and left out", path, why)
        return None


def _digest(record: object) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
