"""Whether a Prefect server can be had, asked before a run begins and in words.

Prefect itself answers a server that is away with minutes of retries and a traceback.
"""

from __future__ import annotations

import os
import time
from importlib.util import find_spec
from urllib.parse import urlsplit

import httpx
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS,
)

from uwm.errors import ServerError

SECONDS = 5.0
"""How long a server may take to answer."""
_GONE = ("Failed to reach API", "ephemeral Prefect API server", "Cannot connect to API")
"""Of the messages with which Prefect says so."""


def check_server() -> str:
    """What serves the next run, in words.

    Raises:
        ServerError: nothing does; the message says why and what to do.
    """
    _check_proxies()
    url = PREFECT_API_URL.value()
    if url is None:
        if not PREFECT_SERVER_ALLOW_EPHEMERAL_MODE.value():
            raise ServerError(
                "a run needs a Prefect server: PREFECT_API_URL is not set, and temporary servers "
                "are switched off (PREFECT_SERVER_EPHEMERAL_ENABLED). Run `prefect server start` "
                "and set PREFECT_API_URL=http://127.0.0.1:4200/api, or switch them on"
            )
        return "none configured; each run starts its own"
    if why := _silent(url):
        raise ServerError(
            f"the Prefect server at PREFECT_API_URL={url} does not answer: {why}. Start it "
            "(`prefect server start`), or unset PREFECT_API_URL (`prefect config unset "
            "PREFECT_API_URL`), and each run starts its own"
        )
    return f"{url} answers"


def _silent(url: str) -> str | None:
    """Why the server at `url` does not answer; None where it does."""
    try:
        # A server that wants a login answers, too, and a run logs in.
        answer = httpx.get(f"{url.rstrip('/')}/health", timeout=SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, ImportError) as error:
        return str(error) or type(error).__name__
    return f"it says {answer.status_code}" if answer.status_code >= 500 else None


def _check_proxies() -> None:
    """Raise ServerError where the environment names a proxy that httpx cannot use at all."""
    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY"):
        value = os.environ.get(name) or os.environ.get(name.lower()) or ""
        if value.startswith("socks") and find_spec("socksio") is None:
            raise ServerError(
                f"{name} is a SOCKS proxy ({urlsplit(value).hostname}), for which Prefect's client "
                "needs a further package: run `pip install 'httpx[socks]'`, or unset it"
            )


def start_and_stop() -> str:
    """Start a temporary server as a run does, and stop it: what came of it, in words.

    Raises:
        ServerError: it does not come up.
    """
    from prefect.server.api.server import SubprocessASGIServer

    began = time.monotonic()
    server = SubprocessASGIServer()
    try:
        server.start(timeout=int(PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS.value()))
    except (RuntimeError, OSError) as error:
        raise ServerError(f"a temporary Prefect server does not start: {error}") from error
    finally:
        server.stop()
    return f"none configured; each run starts its own, here in {time.monotonic() - began:.0f} s"


def lost(error: BaseException) -> str | None:
    """What to say of an error that means that the server is gone; None of any other.

    Prefect raises what its HTTP client raised, or says so in words, with or without a cause.
    """
    seen: list[BaseException] = []
    found: BaseException | None = error
    while found is not None and found not in seen:
        seen.append(found)
        said = str(found)
        if isinstance(found, httpx.TransportError) or any(part in said for part in _GONE):
            url = PREFECT_API_URL.value() or "its temporary server"
            return (
                f"the run lost the Prefect server ({url}): {said.splitlines()[0] if said else ''} "
                "What was completed is kept; see that the server runs (`uwm doctor`), and run again"
            )
        found = found.__cause__ or found.__context__
    return None
