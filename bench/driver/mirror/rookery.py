"""Rookery, one node and two, by script/shape."""

import contextlib
import http.client
import json
import re
import subprocess
import time
from pathlib import Path

import shape as shapes
from network import Place
from node import Node
from pair import Pair, Server
from wire import Wire

SHAPE = Path(__file__).resolve().parents[3] / "script" / "shape"


class _Shape(Server):
    shape: str
    front: str = ""  # what leads clients to a node
    nodes: list[Node]

    def start(self) -> None:
        self._run("up", self.shape, "--users", str(self.users), *(["--front", self.front] if self.front else []))
        described = json.loads((self.folder / "shape.json").read_text())
        self.nodes = [Node.load(self.folder / entry["name"]) for entry in described["nodes"]]
        self.places = [
            Place(node.name, node.ports, "127.0.0.1" if node.namespace else node.host, node.namespace)
            for node in self.nodes
        ]
        self._find_roots()

    def stop(self) -> None:
        if (self.folder / "shape.json").exists():
            self._run("down")

    def _begin(self, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen([SHAPE, *words, "--dir", str(self.folder)], stdout=subprocess.DEVNULL,
                                preexec_fn=self.account.enter())  # fmt: skip

    def _run(self, *words: str) -> None:
        if self._begin(*words).wait():
            raise RuntimeError(f"script/shape {' '.join(words)} failed")

    def _find_roots(self) -> None:
        self.account.roots = [pid for node in self.nodes if (pid := node.pid())]

    def metrics(self, number: int) -> dict[str, float]:
        """Of the role that keeps mail; empty while the node does not answer."""
        node, found = self.nodes[number], dict[str, float]()
        page = http.client.HTTPConnection(node.host, node.ports["metrics"], timeout=5)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(page):
            page.request("GET", "/metrics")
            for line in page.getresponse().read().decode().splitlines():
                if '{role="store"}' in line:
                    name, value = line.split()
                    found[name.removeprefix("rookery_").partition("{")[0]] = float(value)
        return found

    def counters(self) -> dict[str, float]:
        return {f"{name} {node.name}": value
                for number, node in enumerate(self.nodes)
                for name, value in self.metrics(number).items()}  # fmt: skip


class OneRookery(_Shape):
    shape = "one"


class TwoRookeries(_Shape, Pair):
    shape = "mirror"

    def __init__(self, name: str, folder: Path, users: int, front: str = "") -> None:
        super().__init__(name, folder, users)
        self.front = front

    def cut(self) -> None:
        shapes.part(self.folder, self.nodes[0], apart=True)

    def mend(self) -> None:
        shapes.part(self.folder, self.nodes[0], apart=False)

    def slow(self, delay_ms: float, loss: float) -> None:
        """The wire between the two: each way, and in percent; 0: as it was."""
        shapes.slow(self.folder, delay_ms, loss)

    def wire_bytes(self) -> int:
        return Wire(self.folder).carried()

    def control_congestion(self, name: str) -> None:
        """The link is made anew."""
        Wire(self.folder).control_congestion(name)
        for action in ("pause", "resume"):
            self.nodes[0].command("mirror", action)
        self.await_equal()

    def expect_compression(self, wanted: bool) -> None:
        """Of what the first node sends, which it decides by itself within half a second."""
        end = time.monotonic() + 5
        while json.loads(self.nodes[0].command("--json", "mirror", "status"))["compresses"] != wanted:
            if time.monotonic() > end:
                raise RuntimeError(f"compression is not {'on' if wanted else 'off'}")
            time.sleep(0.1)

    def compress(self, word: str) -> None:
        """The option of that name, at both nodes, which are started again."""
        for number, node in enumerate(self.nodes):
            text = re.sub(r"\n *compress \w+;", "", node.config.read_text())
            node.config.write_text(text.replace("mirror {\n", f"mirror {{\n        compress {word};\n"))
            node.stop()
            self.start_node(number)
        self.drain()

    def kill(self, number: int) -> None:
        self.nodes[number].kill()

    def start_node(self, number: int, wait: bool = True) -> None:
        """`wait`: until it serves, which it does not before it has caught up, or tried to for 5 s."""
        begun = self._begin("node", "start", "--node", self.nodes[number].name)
        if wait and begun.wait():
            raise RuntimeError("the node does not start")

    def is_equal(self) -> bool:
        return all(self.metrics(number).get("mirror_in_sync") == 1 for number in range(len(self.nodes)))

    def drain(self) -> None:
        self.await_equal()
        self._find_roots()

    def replace(self, number: int) -> None:
        """An empty node that serves already takes the place of one that was lost."""
        lost, left = self.nodes[number], self.nodes[1 - number]
        key = json.loads(left.command("--json", "mirror", "replace"))["key"]
        lost.command("mirror", "pair", left.mirror, key)

    def differing(self) -> int:
        """Accounts, each row of which was read at both nodes."""
        words = [self.nodes[0].program, "--config", str(self.nodes[0].config), "--json", "mirror", "verify"]
        said = subprocess.run(words, capture_output=True, text=True)
        return int(json.loads(said.stdout)["damage"])
