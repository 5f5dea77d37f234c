"""Two nodes behind a load balancer that knows nothing of them: clients that change one mailbox at once,
through both, and go from one to the other, see one mailbox."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import shape as shapes
from history.crowd_load import CrowdLoad, work
from mirror import Mirror

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="needs network namespaces")
SECONDS = 6.0
FRONT = "haproxy-roundrobin"


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    shapes.open_to_roles(tmp_path)
    yield Mirror(shapes.up("mirror", tmp_path / "m", 1, FRONT))
    shapes.down(tmp_path / "m")


def crowd_of(mirror: Mirror, folder: Path, seconds: float) -> CrowdLoad:
    """After it has worked for so long, and nothing was wrong."""
    described = json.loads((mirror.shape.folder / "shape.json").read_text())
    (folder / "history").mkdir()
    crowd = CrowdLoad(described, folder / "history", 0)
    assert work(crowd, "1", seconds) == []
    return crowd


def test_a_crowd_that_is_led_to_both_nodes_sees_one_mailbox(mirror: Mirror, tmp_path: Path) -> None:
    crowd = crowd_of(mirror, tmp_path, SECONDS)
    assert crowd.checker.counts["seen"]["acknowledged"] > 50
    for log in mirror.shape.logs():
        assert log.read_text().count("event=login") > 20
    mirror.assert_equal()


def test_what_a_client_saw_at_one_node_is_at_the_other_however_far(mirror: Mirror, tmp_path: Path) -> None:
    mirror.wire("--delay", "150ms", "--loss", "0")
    crowd = crowd_of(mirror, tmp_path, SECONDS)
    assert crowd.checker.counts["seen"]["acknowledged"] > 5
