"""Fixtures of the system tests: a running shape, and users that no other test has.

ROOKERY names the program (the release build's otherwise). ROOKERY_SHAPE names a file with the JSON of
a shape that runs already; tests then use that one.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "lib"))
import shape as shapes  # noqa: E402
from shape import Node, Shape, User  # noqa: E402

USERS = 500
BROKEN = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|must\(|panic")


@pytest.fixture(scope="session")
def shape(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shape]:
    """One node with every role, for all tests that neither stop nor break it."""
    if running := os.environ.get("ROOKERY_SHAPE"):
        yield Shape(Path(running).read_text())
        return
    folder = tmp_path_factory.mktemp("one")
    shapes.open_to_roles(folder)
    started = shapes.up("one", folder, USERS)
    yield started
    shapes.down(folder)
    for log in started.logs():  # also what was found when it stopped
        broken = [line for line in log.read_text(errors="replace").splitlines() if BROKEN.search(line)]
        assert not broken, "\n".join(broken[:20])


@pytest.fixture
def own_shape(tmp_path: Path) -> Iterator[Shape]:
    """A node of the test's own, to stop, kill and break."""
    shapes.open_to_roles(tmp_path)
    started = shapes.up("one", tmp_path / "one", 4)
    yield started
    shapes.down(tmp_path / "one")


@pytest.fixture
def node(shape: Shape) -> Node:
    return shape.nodes[0]


@pytest.fixture
def user(shape: Shape) -> User:
    return shape.fresh_user()


@pytest.fixture
def other_user(shape: Shape) -> User:
    return shape.fresh_user()
