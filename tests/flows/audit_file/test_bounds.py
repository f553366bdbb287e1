"""Files that no configuration is: told at once and with their line, whatever they hold."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flows.audit_file.bounds import MAX_BYTES, MAX_DEPTH, MAX_NODES
from flows.audit_file.read import read_config, with_methods
from flows.audit_file.yaml_lines import parse
from tests.makers.audit_files import GOOD
from uwm.errors import ConfigError, InputError

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)
HOSTILE = {
    "flow sequences": ("a: " + "[" * 5000, "line 1.*nests more than 32"),
    "flow mappings": ("a: " + "{a: " * 5000, "line 1.*nests more than 32"),
    "compact sequences": ("- " * 5000 + "x", "line 1.*nests more than 32"),
    "block mappings": (
        "\n".join(" " * n + "a:" for n in range(500)),
        "line 33.*nests more than 32",
    ),
    "keys of keys": ("? " * 5000 + "x", "line 1.*nests more than 32"),
    "a scalar of 10 MB": ("a: " + "x" * 10_000_000, f"more than {MAX_BYTES} bytes"),
    "a key of 200 KB": ("x" * 200_000 + ": 1", "line 1"),
    "100,000 keys": ("\n".join(f"k{n}: 1" for n in range(100_000)), f"more than {MAX_BYTES} bytes"),
    "many nodes": ("a: [" + "1," * 30_000 + "]", f"line 1.*more than {MAX_NODES} keys"),
    "a thousand keys": ("\n".join(f"k{n}: 1" for n in range(1000)), "and 95. more"),
    "billion laughs": (LAUGHS, f"line [5-9].*more than {MAX_NODES} keys"),
    "an alias of itself": ("a: &a [*a]", "line 1: .*holds itself"),
    "no such day": (GOOD + "\nseed: 2026-02-30\n", "'2026-02-30' looks like a number or a date"),
    "no such month": (GOOD + "\nseed: 2026-13-01\n", "line 1[0-9]: '2026-13-01'"),
    "an integer of 5,000 digits": (GOOD + f"\nseed: {'9' * 5000}\n", "line 1[0-9]"),
    "an octal of 9,000 digits": (GOOD + f"\nseed: 0o{'7' * 9000}\n", "line 1[0-9]"),
    "bytes that are none": ("a: !!binary ====x", "a"),
    "an object": ("a: !!python/object/apply:os.system [true]", "."),
    "a tag of one's own": ("!x {a: 1}", "."),
    "a NUL": ("a: \0", "not YAML"),
    "an escape": ("a: \x1b[31m", "not YAML"),
    "a lone surrogate": ('a: "\\ud800"', "."),
    "numbers as keys": ("1: 2\n2: 3\n", "line 1"),
    "a list as a key": ("? [a, b]\n: 1\n", "."),
    "no key": ("~: 1\n", "."),
    "nothing": ("", "should be a mapping"),
    "two documents": ("a: 1\n---\nb: 2\n", "not YAML"),
    "a key twice": ("a: 1\na: 2\n", "line 2"),
    "tabs": ("a:\n\t- b", "line 2"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_file_that_is_no_configuration_is_told_in_few_words(tmp_path: Path, kind: str) -> None:
    content, said = HOSTILE[kind]
    path = tmp_path / "audit.yaml"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    with pytest.raises(ConfigError, match=said) as caught:
        read_config(path)
    assert len(str(caught.value)) < 20_000


@pytest.mark.parametrize(
    "content", [b"\xff\xfe\x00", b"a: \xe9", b"\x80"], ids=["UTF-16", "Latin-1", "no text"]
)
def test_other_encodings_are_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "audit.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match="cannot be read: 'utf-8'"):
        read_config(tmp_path / "audit.yaml")


def test_what_is_no_file_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path / "pipe.yaml", tmp_path, Path("/dev/zero")):
        with pytest.raises(ConfigError, match="it is not a file"):
            read_config(path)


def test_a_pipe_is_no_data(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "rows.csv")
    pairs = "{kind: manifest, name: mine, data: rows.csv}"
    (tmp_path / "audit.yaml").write_text(GOOD.replace("{kind: demo, split: test}", pairs))
    with pytest.raises(ConfigError, match="does not point to a file"):
        read_config(tmp_path / "audit.yaml")


@pytest.mark.parametrize("depth", [2, MAX_DEPTH])
def test_within_the_bounds_everything_is_read(tmp_path: Path, depth: int) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("[" * depth + "]" * depth)
    assert parse(path) is not None
    path.write_text("\ufeffa: &x {b: 1}\nc: *x\n", encoding="utf-8")
    assert parse(path) == {"a": {"b": 1}, "c": {"b": 1}}


def test_methods_of_the_command_line_have_the_same_bounds(tmp_path: Path) -> None:
    (tmp_path / "audit.yaml").write_text(GOOD)
    config = read_config(tmp_path / "audit.yaml")
    for text in (
        "[" * 5000,
        "{kind: uwm, tau: " + "9" * 5000 + "}",
        "{kind: uwm, name: 2026-02-30}",
    ):
        with pytest.raises(InputError) as caught:
            with_methods(config, [text])
        assert len(str(caught.value)) < 2000
