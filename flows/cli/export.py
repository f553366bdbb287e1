"""`uwm export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from flows.cli.console import say
from flows.cli.options import (
    DONE,
    OUT,
    STORE,
    StoreOption,
)
from storage.store.store import Store


def export(
    config: Path,
    backbone: str,
    method: str,
    *,
    out: Path,
    form: Annotated[Literal["open_clip", "hf"], Parameter(name="--format")] = "open_clip",
    results: Path | None = None,
    store: StoreOption = STORE,
) -> int:
    """Write a backbone, edited by one method, as a folder for open_clip or transformers.

    For example:

        uwm export mine.yaml vit uwm --out vit-repaired
        uwm export mine.yaml vit uwm --format hf --out vit-for-transformers

    Parameters
    ----------
    config
        the YAML file of the audit that made the edits.
    backbone
        its name in that file.
    method
        the method's name in the results; `original` leaves the weights as they are.
    out
        the folder to write, which must not be there yet.
    form
        `hf` is Hugging Face's form, for CLIP and SigLIP.
    results
        the folder with that audit's results.json; defaults to .uwm/out/NAME.
    """
    from flows.audit_file.read import read_config

    settings = read_config(config)
    if method != "original":
        Store.existing(store)
    from flows.audit.export import export as write

    where = results or OUT / settings.name
    edits = write(settings, backbone, method, form, store, where, out)
    say(f"{out}: {backbone} with {', '.join(edits) or 'no edit'}")
    return DONE
