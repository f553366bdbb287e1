"""What this machine has: versions, devices, Prefect's server and room for a store."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path
from tempfile import TemporaryFile

from flows.results.files import versions
from storage.store.store import Store
from uwm.errors import ServerError, StoreError


def checks(store: str) -> list[tuple[str, bool, str]]:
    """(what, whether it is fine, what was found) per line of the report."""
    import torch
    from prefect.settings import PREFECT_API_URL

    from flows.operations.server import check_server, start_and_stop

    found = [("python", True, platform.python_version())]
    found += [(name, True, number) for name, number in versions().items()]
    found.append(("cores", True, f"{os.cpu_count()}, torch uses {torch.get_num_threads()}"))
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            unused, total = torch.cuda.mem_get_info(index)
            name = torch.cuda.get_device_name(index)
            memory = f"{unused / 2**30:.0f} of {total / 2**30:.0f} GiB free"
            found.append((f"cuda:{index}", True, f"{name}, {memory}"))
    else:
        found.append(("cuda", True, "no GPU seen by torch; `device: auto` uses the CPU"))
    try:
        said = check_server()
        configured = PREFECT_API_URL.value() is not None
        found.append(("server", True, said if configured else start_and_stop()))
    except ServerError as error:
        found.append(("server", False, str(error)))
    place = Path(store).absolute()
    if "://" in store:
        try:
            artifacts = Store(store)
            place = artifacts.root
            copies = f", copies in {place}" if artifacts.shared else ""
            found.append(("store", True, f"{store} can be read and written{copies}"))
        except StoreError as error:
            found.append(("store", False, str(error)))
            return found
    existing = next(path for path in (place, *place.parents) if path.exists())
    try:
        with TemporaryFile(dir=existing):
            pass
    except NotADirectoryError:
        found.append(("store", False, f"a store is a folder; {existing} is a file"))
    except OSError as error:
        said = f"{existing} cannot be written: {error.strerror}; name another with --store"
        found.append(("store", False, said))
    free = shutil.disk_usage(existing).free / 2**30
    room = f"{free:.0f} GiB free at {existing}"
    found.append(("disk", free > 1, room if free > 1 else f"{room}; an audit needs at least 1 GiB"))
    return found
