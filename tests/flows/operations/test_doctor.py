from pathlib import Path

import pytest

from flows.operations.doctor import checks


def test_a_machine_that_runs_these_tests_is_fine(prefect_server: None, tmp_path: Path) -> None:
    found = {what: (fine, said) for what, fine, said in checks(str(tmp_path / "not" / "yet"))}
    assert all(fine for fine, _ in found.values())
    assert {"python", "torch", "prefect", "cores", "server", "disk"} <= set(found)
    assert "answers" in found["server"][1]


@pytest.mark.parametrize(("place", "said"), [("file", "is a file"), ("/proc/none", "be written")])
def test_a_store_that_cannot_be_is_found(
    prefect_server: None, tmp_path: Path, place: str, said: str
) -> None:
    (tmp_path / "file").touch()
    (found,) = [line for line in checks(str(tmp_path / place)) if line[0] == "store"]
    assert not found[1]
    assert said in found[2]
