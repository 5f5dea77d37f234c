"""A mirror of two nodes, and what its operators do."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from shape import PATIENCE, SHAPE, Node, Shape

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("ROOKERY", str(ROOT / "build/src/cli/rookery"))


class Mirror:
    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.a, self.b = shape.nodes

    def run(self, node: Node, *words: str) -> subprocess.CompletedProcess[str]:
        config = str(self.shape.folder / node.name / "rookery.conf")
        return subprocess.run(
            [PROGRAM, "--config", config, "--json", *words], capture_output=True, text=True
        )

    def command(self, node: Node, *words: str) -> Any:
        done = self.run(node, *words)
        assert done.returncode == 0, done.stderr or done.stdout
        return json.loads(done.stdout)

    def status(self, node: Node) -> Any:
        return self.command(node, "mirror", "status")

    def wire(self, *words: str) -> None:
        """Between the two: "--delay 50ms --loss 1" each way, or "clean"."""
        words = (str(SHAPE), "wire", *words, "--dir", str(self.shape.folder))
        subprocess.run(words, check=True, timeout=60)

    def configure(self, node: Node, option: str, queue: bool = False) -> None:
        """Of its store's mirror block, and of the queue's, which has none yet; it is started again."""
        config = self.shape.folder / node.name / "rookery.conf"
        text = config.read_text().replace("mirror {\n", f"mirror {{\n        {option}\n")
        if queue:
            text = text.replace("\nmx {\n", f"\nmx {{\n    mirror {{\n        {option}\n    }}\n")
        config.write_text(text)
        node.do("stop")
        node.do("start")

    def await_state(self, node: Node, *wanted: str) -> Any:
        end = time.monotonic() + PATIENCE
        while True:
            status = self.status(node)
            if status["state"] in wanted:
                return status
            assert time.monotonic() < end, f"{node.name} is not {wanted}: {status}"
            time.sleep(0.02)

    def await_queue(self, node: Node, *wanted: str) -> Any:
        """The same of the mx role's own store."""
        end = time.monotonic() + PATIENCE
        while True:
            queue = self.status(node)["queue"]
            if queue["state"] in wanted:
                return queue
            assert time.monotonic() < end, f"the queue of {node.name} is not {wanted}: {queue}"
            time.sleep(0.02)

    def await_sync(self) -> None:
        """Both mirrors of both nodes: the store's, and the queue's."""
        for node in (self.a, self.b):
            self.await_state(node, "in sync")
            self.await_queue(node, "in sync")

    def assert_equal(self) -> None:
        """Row by row, and each node sound by itself."""
        self.await_sync()
        found = self.command(self.a, "mirror", "verify")
        assert found["damage"] == 0, found
        for node in (self.a, self.b):
            found = self.command(node, "store", "check")
            assert found["damage"] == 0, found

    def health(self, node: Node) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{node.host}:{node.metrics}/health") as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()

    def metrics(self, node: Node) -> str:
        with urllib.request.urlopen(f"http://{node.host}:{node.metrics}/metrics") as answer:
            return str(answer.read().decode())
