"""From a draft to an artifact: synced, listed, synced again and only then renamed."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

from storage.store import durable
from storage.store.integrity import damage
from storage.store.marker import COMPLETE, SPEC, files_of
from storage.store.spec import Spec

DAMAGED = ".damaged"
"""What the name of a folder ends in that was an artifact and is set aside."""
_logger = logging.getLogger(__name__)


def publish(spec: Spec, draft: Path, folder: Path) -> None:
    """Let `draft` be the artifact of `spec` in `folder`, once every byte of it is on the disk.

    What stands in `folder` is damaged: it is set aside, and that is logged.
    """
    (draft / SPEC).write_bytes(_json({"kind": spec.kind, **spec.model_dump(mode="json")}))
    for left in (draft / COMPLETE, *draft.glob(f".{COMPLETE}*")):  # of a killed writer
        left.unlink(missing_ok=True)
    files = files_of(draft)
    durable.sync_below(draft)
    durable.write(draft / COMPLETE, _json({"files": files}))
    if folder.exists():
        _set_aside(folder)
    durable.rename(draft, folder)


def _set_aside(folder: Path) -> None:
    """Move a damaged artifact out of the way, and say so."""
    aside = folder.with_name(folder.name + DAMAGED)
    shutil.rmtree(aside, ignore_errors=True)
    _logger.warning(
        "%s/%s was damaged (%s): made anew, and set aside as %s",
        folder.parent.name,
        folder.name,
        (damage(folder) or ["it was withdrawn"])[0],
        aside.name,
    )
    folder.rename(aside)


def _json(content: object) -> bytes:
    return json.dumps(content, indent=1).encode()
