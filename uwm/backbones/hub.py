"""Files of the Hugging Face hub: from its local cache, else fetched, else what to do about it.

The hub's own client tries for half a minute before it gives up on a machine without a network; here
one short question comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import (
    constants,
    get_hf_file_metadata,
    hf_hub_download,
    hf_hub_url,
    try_to_load_from_cache,
)
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

from uwm.errors import MissingWeightsError

_PATIENCE = 3.0
"""Seconds to wait for the hub's first answer."""


def cached(repo: str, files: Sequence[str], revision: str | None = None) -> Path | None:
    """The first of `files` of a repository that lies in the local cache."""
    for file in files:
        found = try_to_load_from_cache(repo, file, revision=revision)
        if isinstance(found, str):
            return Path(found)
    return None


def obtain(
    repo: str, files: Sequence[str], revision: str | None = None, *, download: bool = True
) -> Path | None:
    """The first of `files` that a repository has: from the cache, else downloaded into it.

    Args:
        files: names for the same thing, the best first.
        download: whether to fetch it; otherwise only make sure that it could be, and answer None.

    Raises:
        MissingWeightsError: not in the cache, and the hub is out of reach or has none of them.
    """
    if (found := cached(repo, files, revision)) is not None:
        return found
    for file in files:
        try:
            url = hf_hub_url(repo, file, revision=revision)
            get_hf_file_metadata(url, timeout=_PATIENCE)
            return Path(hf_hub_download(repo, file, revision=revision)) if download else None
        except LocalEntryNotFoundError as error:
            raise MissingWeightsError(_missing(repo, files, revision, error)) from error
        except EntryNotFoundError:
            continue  # the hub answers: not under this name
        except Exception as error:  # the client raises its transport's own kinds
            raise MissingWeightsError(_missing(repo, files, revision, error)) from error
    raise MissingWeightsError(_missing(repo, files, revision, "the repository has no such file"))


def _missing(repo: str, files: Sequence[str], revision: str | None, reason: Exception | str) -> str:
    at = f" --revision {revision}" if revision else ""
    said = str(reason).strip().splitlines()
    return (
        f"{' or '.join(files)} of {repo} is wanted; it is not in the cache "
        f"{constants.HF_HUB_CACHE}, and cannot be fetched: {said[0] if said else reason!r}. On a "
        f"machine with access run `hf download {repo} {files[0]}{at}`, and bring its cache folder "
        f"{_folder(repo)} here"
    )


def _folder(repo: str) -> str:
    return f"models--{repo.replace('/', '--')}"
