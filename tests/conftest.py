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
from faults import Faults, shim, why_not  # noqa: E402
from shape import Node, Shape, User  # noqa: E402

USERS = 500
BROKEN = re.compile(r"Assertion|AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:|must\(|panic")


def assert_whole(shape: Shape) -> None:
    """Nothing in the logs says that the program is broken."""
    for log in shape.logs():
        broken = [line for line in log.read_text(errors="replace").splitlines() if BROKEN.search(line)]
        assert not broken, "\n".join(broken[:20])


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
    assert_whole(started)  # also what was found when it stopped


@pytest.fixture
def own_shape(tmp_path: Path) -> Iterator[Shape]:
    """A node of the test's own, to stop, kill and break."""
    shapes.open_to_roles(tmp_path)
    started = shapes.up("one", tmp_path / "one", 4)
    yield started
    shapes.down(tmp_path / "one")


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Faults:
    """Orders to the nodes that the test starts."""
    if reason := why_not():
        pytest.skip(reason)
    assert shim().is_file(), f"{shim()} is not built"
    ordering = Faults(tmp_path / "orders")
    for name, value in ordering.environment().items():
        monkeypatch.setenv(name, value)
    return ordering


@pytest.fixture
def faulty_shape(tmp_path: Path, faults: Faults) -> Iterator[Shape]:
    """A node of the test's own whose disk and clock obey `faults`."""
    shapes.open_to_roles(tmp_path)
    started = shapes.up("one", tmp_path / "one", 4)
    yield started
    faults.heal()
    shapes.down(tmp_path / "one")
    assert_whole(started)


@pytest.fixture
def node(shape: Shape) -> Node:
    return shape.nodes[0]


@pytest.fixture
def user(shape: Shape) -> User:
    return shape.fresh_user()


@pytest.fixture
def other_user(shape: Shape) -> User:
    return shape.fresh_user()
