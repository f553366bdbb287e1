"""The example of a session runs as it stands, on fewer pairs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "repair_a_backbone.py"


def test_the_example_ends_in_a_plot(tmp_path: Path) -> None:
    out = tmp_path / "repair.html"
    command = [sys.executable, str(EXAMPLE), "--pairs", "48", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{out}: P_t_u ")
    assert "unsafe texts prefer" in out.read_text()
