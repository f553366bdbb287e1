from pathlib import Path

from flows.doctor import checks


def test_a_machine_that_runs_these_tests_is_fine(prefect_server: None, tmp_path: Path) -> None:
    found = {what: (fine, said) for what, fine, said in checks(str(tmp_path / "not" / "yet"))}
    assert all(fine for fine, _ in found.values())
    assert {"python", "torch", "prefect", "cores", "server", "disk"} <= set(found)
    assert "answers" in found["server"][1]
