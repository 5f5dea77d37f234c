"""A proxy in front of back ends that speak HTTP."""

import base64
import http.client
import json
import shutil
import socket
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

from halves import Half, ports
from proxied import DOMAIN, Directory, certificate, tls_block
from shape import PATIENCE, open_to_roles

SECRET = "se:cret \u00e4"
HOST = f"dav.{DOMAIN}"


def basic(user: str, password: str = SECRET) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class People(Directory):
    """Some may not log in."""

    suspended: frozenset[str] = frozenset()

    def answer(self, words: list[str]) -> str:
        said = super().answer(words)
        user = words[1].strip('"') if len(words) > 1 else ""
        return said.replace('mailstatus="ok"', 'mailstatus="suspended"') if user in self.suspended else said


class HttpWorld:
    """Back ends by name and port; where users live says `directory`."""

    def __init__(self, folder: Path, backs: dict[str, int], more: str = "") -> None:
        open_to_roles(folder)
        self.directory = People()
        self.run = Path(tempfile.mkdtemp(prefix="rookery-"))
        self.run.chmod(0o755)
        names = ("http", "https", "proxied", "metrics")
        self.ports = dict(zip(names, ports.free(len(names)), strict=True))
        certificate(self.run, "tls", (HOST, "localhost"))
        blocks = "".join(
            f'    backend "{self.host(name)}" {{\n        address 127.0.0.1;\n        http_port {port};\n    }}\n'
            for name, port in backs.items()
        )
        self.half = Half(folder, self.run, "proxy", f"{tls_block(self.run, 'tls')}metrics {{\n"
                         f"    listen 127.0.0.1:{self.ports['metrics']};\n}}\n"
                         "proxy_trusted 127.0.0.1;\nproxy {\n"
                         f"    listen http 127.0.0.1:{self.ports['http']};\n"
                         f"    listen https 127.0.0.1:{self.ports['https']};\n"
                         f"    listen http 127.0.0.1:{self.ports['proxied']} proxy;\n"
                         f"    backend_tls none;\n{blocks}{more}}}\n"
                         "directory {\n    driver authmod;\n    cache_positive 0s;\n    cache_negative 0s;\n    authmod {\n"
                         f"        servers 127.0.0.1:{self.directory.port};\n        domains {DOMAIN};\n        timeout 2s;\n"
                         "    }\n}\n", self.ports["http"])  # fmt: skip

    @staticmethod
    def host(name: str) -> str:
        return f"{name}.{DOMAIN}"

    @property
    def ca(self) -> Path:
        return self.run / "tls.pem"

    def lives(self, name: str, back: str) -> str:
        address = f"{name}@{DOMAIN}"
        self.directory.places[address] = self.host(back) if back else ""
        return address

    def start(self) -> "HttpWorld":
        self.half.start()
        return self

    def stop(self) -> None:
        self.half.stop()
        shutil.rmtree(self.run, ignore_errors=True)
        self.directory.stop()

    def log(self) -> str:
        return self.half.log.read_text(errors="replace")

    def metric(self, name: str, labels: str = "") -> float:
        address = f"http://127.0.0.1:{self.ports['metrics']}/metrics"
        with urllib.request.urlopen(address, timeout=PATIENCE) as page:
            text = page.read().decode()
        for line in text.splitlines():
            if line.startswith(f"rookery_{name}{{") and labels in line:
                return float(line.split()[-1])
        raise AssertionError(f"no {name} {labels} in\n{text}")

    def memory(self) -> int:
        """KiB of the role's process."""
        (role,) = self.half.roles()
        status = Path(f"/proc/{role}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])

    def threads(self) -> int:
        (role,) = self.half.roles()
        return len(list(Path(f"/proc/{role}/task").iterdir()))


class Client:
    """One connection to the proxy."""

    def __init__(self, world: HttpWorld, user: str | None = None, password: str = SECRET, source: str = "127.0.0.1"):
        self.http = http.client.HTTPConnection(
            "127.0.0.1", world.ports["http"], timeout=PATIENCE, source_address=(source, 0)
        )
        self.headers = {"Host": HOST}
        if user:
            self.headers["Authorization"] = basic(user, password)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.http.close()

    def ask(self, method: str, target: str, body: Any = None, **fields: str) -> http.client.HTTPResponse:
        """The answer; its body is still to be read."""
        headers = self.headers | {name.replace("_", "-"): value for name, value in fields.items()}
        self.http.request(method, target, body, headers, encode_chunked=isinstance(body, Pieces))
        return self.http.getresponse()

    def do(self, method: str, target: str, body: Any = None, **fields: str) -> tuple[int, bytes]:
        answer = self.ask(method, target, body, **fields)
        return answer.status, answer.read()

    def told(self, method: str, target: str, body: Any = None, **fields: str) -> dict[str, Any]:
        """What the back end says that it saw."""
        status, text = self.do(method, target, body, **fields)
        assert status == 200, text
        told: dict[str, Any] = json.loads(text)
        told["names"] = {name.lower(): value for name, value in told["headers"]}
        return told


class Pieces:
    """A body of which nobody says how long it is."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    def __iter__(self) -> Any:
        return iter(self.pieces)


class Raw:
    """What is written is what the proxy gets."""

    def __init__(self, world: HttpWorld, port: str = "http") -> None:
        self.socket = socket.create_connection(("127.0.0.1", world.ports[port]), timeout=PATIENCE)
        self.input = self.socket.makefile("rb")

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.input.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def end(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def head(self) -> tuple[int, dict[str, str]]:
        """Of the next answer; 0: there is none any more."""
        line = self.input.readline()
        if not line:
            return 0, {}
        fields = {}
        while (one := self.input.readline().decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = one.partition(":")
            fields[name.lower()] = value.strip()
        return int(line.split()[1]), fields

    def answer(self) -> tuple[int, bytes]:
        status, fields = self.head()
        return status, self.input.read(int(fields.get("content-length", "0")))

    def statuses(self) -> list[int]:
        """Of all answers until the connection ends."""
        found = []
        while status := self.answer()[0]:
            found.append(status)
        return found
