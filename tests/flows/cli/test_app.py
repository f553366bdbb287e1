"""The command line as a person meets it: what it prints, and its exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from flows.cli.app import app, run
from flows.cli.options import BAD_INPUT, DONE, FAILED
from storage.store.history import record
from storage.store.store import Store
from tests.makers.artifacts import spec, write
from tests.makers.audit_files import GOOD
from tests.makers.pair_layouts import tables


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "audit.yaml"
    path.write_text(GOOD)
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("name: vit", "name: vits"), "line 3"),
        (("tau: 0.02", "tau: 0"), "greater than 0; got 0"),
        (("tau: 0.02", "tau: 1"), "less than 1; got 1"),
        (("tau: 0.02", "tau: .nan"), "line 9"),
        (("tau: 0.02", "taau: 0.02"), "did you mean 'tau'?"),
        (("tau: 0.02", "roles: {image: [fc9], text: []}"), "line 9"),
        (("{kind: demo, split: test}", "{kind: tables, images: nowhere}"), "line 6"),
        ((GOOD, "- just a list"), "should be a mapping"),
    ],
)
def test_a_bad_file_is_told_without_a_traceback(
    config: Path, capsys: pytest.CaptureFixture[str], change: tuple[str, str], said: str
) -> None:
    config.write_text(GOOD.replace(*change))
    assert run(["audit", str(config)]) == BAD_INPUT
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


def test_a_bad_file_is_told_before_anything_heavy_is_imported(config: Path) -> None:
    """In a fresh interpreter, since this one has imported torch and Prefect long ago."""
    config.write_text(GOOD.replace("name: vit", "name: vits"))
    code = (
        "import sys; from flows.cli.app import run; "
        f"code = run(['audit', {str(config)!r}]); "
        "heavy = {'torch', 'prefect', 'open_clip'} & set(sys.modules); "
        "print(code, sorted(heavy))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "2 []"


def test_files_are_utf_8_in_a_locale_that_is_not(config: Path, tmp_path: Path) -> None:
    """In a fresh interpreter, whose own encoding is ASCII."""
    config.write_text(f"{GOOD}\ncafé: Zürich\n", encoding="utf-8")
    page, template = tmp_path / "page.html", tmp_path / "page.html.j2"
    template.write_text("{{ title }} über", encoding="utf-8")
    code = (
        "import sys; from pathlib import Path; from flows.cli.app import run; "
        "from flows.report.pages import write_page; "
        f"write_page(Path({str(page)!r}), Path({str(template)!r}), title=chr(252)); "
        f"sys.exit(run(['audit', {str(config)!r}]))"
    )
    ascii_only = {**os.environ, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=ascii_only
    )
    assert found.returncode == BAD_INPUT, found.stderr
    assert "caf\\xe9: unknown key" in found.stderr
    assert page.read_text(encoding="utf-8") == "ü über"


def test_pairs_of_unequal_length_are_told_before_the_audit_starts(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tables(tmp_path)
    pd.read_csv(source.unsafe).iloc[:-1].to_csv(source.unsafe, index=False)
    pairs = "{kind: tables, name: mine, safe: safe.csv, unsafe: unsafe.csv, images: images}"
    config.write_text(GOOD.replace("{kind: demo, split: test}", pairs))
    assert run(["audit", str(config)]) == BAD_INPUT
    assert "pair row by row" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_store_that_cannot_be_is_told(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    (tmp_path / "file").touch()
    assert run(["audit", str(config), "--store", str(tmp_path / place)]) == BAD_INPUT
    assert "store" in capsys.readouterr().err


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/none", "/proc"])
def test_results_that_could_not_be_written_are_told_before_the_audit(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str
) -> None:
    """Nobody, root included, can write below /proc."""
    (tmp_path / "file").touch()
    options = ["--store", str(tmp_path / "store"), "--out", str(tmp_path / place)]
    assert run(["audit", str(config), *options]) == BAD_INPUT
    assert "name another with --out" in capsys.readouterr().err
    assert run(["pairs", "show", str(config), *options[2:]]) == BAD_INPUT


def test_a_store_that_cannot_be_written_is_told(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", str(config), "--store", "/proc"]) == BAD_INPUT
    assert "the store /proc cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("hours", ["-1", "nan", "inf"])
def test_an_age_that_is_none_clears_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], hours: str
) -> None:
    made = Store(tmp_path / "store").make(spec(1), write)
    options = ["--store", str(tmp_path / "store"), f"--older-than-hours={hours}"]
    assert run(["store", "gc", *options]) == BAD_INPUT
    assert made.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["audit"],
        ["audit", "a.yaml", "--stroe", "x"],
        ["export", "a.yaml"],
        ["nothing"],
        ["store", "sweep"],
    ],
)
def test_bad_usage_is_told(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run(arguments) == BAD_INPUT


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["audit", "--help"], ["store", "--help"], ["export", "--help"], ["--version"]],
)
def test_help_teaches(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run(arguments) == DONE
    assert capsys.readouterr().out.strip()


def every_help() -> dict[str, str]:
    """What `--help` prints of each command, in a fresh interpreter, and what that has imported."""
    code = (
        "import io, json, sys; from contextlib import redirect_stdout; "
        "from flows.cli.app import app, run\n"
        "def names(of, above=()):\n"
        "    yield above\n"
        "    for part in of:\n"
        "        if not part.startswith('-'): yield from names(of[part], (*above, part))\n"
        "def told(name):\n"
        "    with redirect_stdout(io.StringIO()) as said: run([*name, '--help'])\n"
        "    return said.getvalue()\n"
        "texts = {' '.join(name): told(name) for name in names(app)}\n"
        "heavy = {'torch', 'prefect', 'open_clip', 'pandas'} & set(sys.modules)\n"
        "print(json.dumps(texts | {'imported': ' '.join(sorted(heavy))}))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    texts: dict[str, str] = json.loads(found.stdout)
    return texts


def test_help_imports_nothing_heavy_and_offers_no_negative_flags() -> None:
    texts = every_help()
    assert texts.pop("imported") == ""
    assert len(texts) > 15
    assert {name: text for name, text in texts.items() if not text.startswith("Usage: uwm")} == {}
    flags = [name for name, text in texts.items() if "--no-" in text or "--empty-" in text]
    assert flags == []


@pytest.mark.parametrize("command", ["audit", "sweep", "search", "inspect"])
def test_commands_that_compute_share_their_options(command: str) -> None:
    shared = {"--store", "--out", "--backbone", "--runner", "--workers", "--dask-address", "--plan"}
    assert shared <= {
        name for argument in app[command].assemble_argument_collection() for name in argument.names
    }


@pytest.mark.parametrize("command", ["audit", "sweep", "search", "inspect"])
def test_what_could_not_be_written_is_told_before_weights_are_looked_for(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    config.write_text(
        GOOD + "validation: {kind: demo, split: validation}\nsweep: {kind: uwm, tau: [0.1]}\n"
    )
    (tmp_path / "file").touch()
    options = ["--store", str(tmp_path / "store"), "--out", str(tmp_path / "file")]
    assert run([command, str(config), *options]) == BAD_INPUT
    assert "name another with --out" in capsys.readouterr().err


def test_the_store_is_shown_checked_and_cleared(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, option = Store(tmp_path / "store"), ["--store", str(tmp_path / "store")]
    kept, dropped = store.make(spec(1), write), store.make(spec(2), write)
    record(store, "weekly", "audit", {"vit": [str(spec(1))]}, backbones=["vit"])
    assert run(["store", "ls", *option]) == DONE
    told = capsys.readouterr().out
    assert "1 that no audit stands on" in told
    assert "audit weekly stands on 1 artifact" in told

    assert run(["store", "verify", *option]) == DONE
    assert "2 artifacts checked, 0 damaged" in capsys.readouterr().out
    (kept / "two").write_text("harmed")
    assert run(["store", "verify", *option]) == FAILED
    assert f"{spec(1)}: two" in capsys.readouterr().out

    assert run(["store", "gc", *option]) == DONE
    assert "0 folders" in capsys.readouterr().out  # all younger than a day
    assert run(["store", "gc", *option, "--older-than-hours", "0", "--dry-run"]) == DONE
    assert dropped.exists()
    assert run(["store", "gc", *option, "--older-than-hours", "0"]) == DONE
    assert not dropped.exists()
    assert kept.exists()


def test_pairs_are_shown_without_backbones_or_heavy_imports(config: Path, tmp_path: Path) -> None:
    """In a fresh interpreter, since this one has imported torch and Prefect long ago."""
    missing = "{kind: open_clip, model: no-such, pretrained: none, name: vit}"
    config.write_text(GOOD.replace("{kind: demo, name: vit}", missing))
    code = (
        "import sys; from flows.cli.app import run; "
        f"code = run(['pairs', 'show', {str(config)!r}, '--out', {str(tmp_path / 'out')!r}]); "
        "print(code, sorted({'torch', 'prefect', 'open_clip'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    lines = found.stdout.splitlines()
    assert lines[-2:] == [str(tmp_path / "out" / "pairs.html"), "0 []"]
    assert any("obscene gestures" in line and "109" in line for line in lines)
    assert (tmp_path / "out" / "pairs.html").is_file()


def test_pairs_that_an_audit_would_refuse_are_shown_and_refused(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tables(tmp_path)
    (source.images / "safe1.png").unlink()
    pairs = "{kind: tables, name: mine, safe: safe.csv, unsafe: unsafe.csv, images: images}"
    config.write_text(GOOD.replace("{kind: demo, split: test}", pairs))
    out = ["--out", str(tmp_path / "out")]
    assert run(["pairs", "show", str(config), *out]) == BAD_INPUT
    assert "1 of 4 rows cannot be used" in capsys.readouterr().out
    assert (tmp_path / "out" / "pairs.html").is_file()
    assert run(["audit", str(config), *out]) == BAD_INPUT
    assert "1: missing image (safe: safe1.png is not in" in capsys.readouterr().err


def test_a_store_that_is_not_there_is_not_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["store", "ls", "--store", str(tmp_path / "none")]) == BAD_INPUT
    assert not (tmp_path / "none").exists()
    assert "there is no store" in capsys.readouterr().err


def test_an_export_is_written_and_said(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["export", str(config), "vit", "original", "--out", str(tmp_path / "vit")]
    assert run([*command, "--format", "open_clip"]) == DONE
    assert "vit with no edit" in capsys.readouterr().out
    assert (tmp_path / "vit" / "open_clip_model.safetensors").is_file()
    assert run(command) == BAD_INPUT
    assert "is there already" in capsys.readouterr().err
    assert run([*command[:3], "uwm", *command[4:-1], str(tmp_path / "new")]) == BAD_INPUT


def test_a_wrong_export_is_told_before_anything_heavy_is_imported(config: Path) -> None:
    """In a fresh interpreter, since this one has imported torch and Prefect long ago."""
    code = (
        "import sys; from flows.cli.app import run; "
        f"code = run(['export', {str(config)!r}, 'vits', 'original', '--out', 'nowhere']); "
        "print(code, sorted({'torch', 'prefect', 'open_clip'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "2 []"
    assert "this audit has the backbones vit; got 'vits'" in found.stderr
