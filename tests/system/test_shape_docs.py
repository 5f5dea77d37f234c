"""Configs on the pages in docs/shapes are such that the program takes them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from mirror import PROGRAM

PAGES = Path(__file__).resolve().parents[2] / "docs" / "shapes"


def configs() -> Iterator[tuple[str, str]]:
    """Indented pieces that begin with a host name."""
    for page in sorted(PAGES.glob("*.md")):
        piece: list[str] = []
        for line in [*page.read_text().splitlines(), "end"]:
            if line.startswith("    ") or not line.strip():
                piece.append(line)
                continue
            text = "\n".join(piece).strip()
            if text.startswith("hostname "):
                yield f"{page.name}: {text.split()[1]}", text
            piece = []


@pytest.mark.parametrize(("name", "text"), list(configs()), ids=[name for name, _ in configs()])
def test_a_config_on_a_page_is_fine(name: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "rookery.conf"
    file.write_text(text + "\n")
    done = subprocess.run([PROGRAM, "--config", str(file), "config", "check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_there_are_some() -> None:
    assert len(list(configs())) >= 5
