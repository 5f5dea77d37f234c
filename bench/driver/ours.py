"""Rookery, one node, by script/shape."""

import json
import subprocess
from pathlib import Path

from target import Target

ROOT = Path(__file__).resolve().parents[2]


class Rookery(Target):
    name = "rookery"
    is_fast = is_ours = True
    durability = "body and index entry synced before 250 and OK, one fdatasync for all who wait"

    def start(self) -> None:
        words = ["up", "one", "--dir", str(self.folder), "--users", str(self.users)]
        done = subprocess.run(
            [ROOT / "script" / "shape", *words],
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=self.account.enter(),
        )
        if done.returncode:
            raise RuntimeError("script/shape did not start rookery")
        node = json.loads(done.stdout)["nodes"][0]
        self.ports = {name: port for name, port in node.items() if isinstance(port, int)}
        self.account.roots = [int((self.folder / node["name"] / "pid").read_text())]

    def stop(self) -> None:
        if (self.folder / "shape.json").exists():
            subprocess.run([ROOT / "script" / "shape", "down", "--dir", self.folder], check=False)
