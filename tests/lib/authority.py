"""An authority that gives certificates by ACME (pebble), and the DNS that it asks (pebble-challtestsrv)."""

import json
import os
import re
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from halves import Half, ports
from shape import PATIENCE

BROKEN = re.compile(r"Assertion|ERROR: AddressSanitizer|LeakSanitizer|runtime error:|must\(")
MAC_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


def why_not() -> str:
    missing = [name for name in ("pebble", "pebble-challtestsrv") if not shutil.which(name)]
    return f"{', '.join(missing)} not installed" if missing else ""


class Names:
    """Where names lead: 127.0.0.1, unless it is said otherwise."""

    def __init__(self, folder: Path) -> None:
        dns, self.management = ports.free(2)
        self.address = f"127.0.0.1:{dns}"
        with (folder / "names.log").open("wb") as log:
            self.process = subprocess.Popen(
                ["pebble-challtestsrv", "-dns01", self.address, "-management", f"127.0.0.1:{self.management}",
                 "-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv6", ""],
                stdout=log, stderr=log)  # fmt: skip
        await_answer(f"http://127.0.0.1:{self.management}/")

    def lead(self, name: str, address: str) -> None:
        text = json.dumps({"host": name, "addresses": [address]}).encode()
        urllib.request.urlopen(f"http://127.0.0.1:{self.management}/add-a", text, timeout=PATIENCE).close()

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()


def await_answer(url: str, trust: ssl.SSLContext | None = None) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            urllib.request.urlopen(url, timeout=1, context=trust).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            assert time.monotonic() < end, f"{url} does not answer"
            time.sleep(0.02)


class Authority:
    """It looks at `http_port` and `tls_port` of the names. One in twenty nonces it does not like."""

    def __init__(self, folder: Path, names: Names, valid_s: int = 7776000, bound: bool = False) -> None:
        self.folder = folder
        self.names = names
        folder.mkdir()
        self.port, self.management, self.http_port, self.tls_port = ports.free(4)
        self.trust = folder / "server.pem"  # of its own HTTPS
        key = folder / "server.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", str(key), "-out", str(self.trust), "-days", "9", "-subj", "/CN=authority",
                        "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)  # fmt: skip
        config: dict[str, Any] = {
            "listenAddress": f"127.0.0.1:{self.port}", "managementListenAddress": f"127.0.0.1:{self.management}",
            "certificate": str(self.trust), "privateKey": str(key), "httpPort": self.http_port,
            "tlsPort": self.tls_port, "certificateValidityPeriod": valid_s,
            "externalAccountBindingRequired": bound, "externalAccountMACKeys": {"kid-1": MAC_KEY},
        }  # fmt: skip
        (folder / "config.json").write_text(json.dumps({"pebble": config}))
        self.start()

    def start(self) -> None:
        more = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "5", "PEBBLE_AUTHZREUSE": "0"}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["pebble", "-strict", "-config", str(self.folder / "config.json"), "-dnsserver", self.names.address],
                stdout=log, stderr=log, env={**os.environ, **more})  # fmt: skip
        await_answer(self.directory, ssl.create_default_context(cafile=str(self.trust)))

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def directory(self) -> str:
        return f"https://127.0.0.1:{self.port}/dir"

    def root(self) -> str:
        """What its certificates end at, of this start."""
        trust = ssl.create_default_context(cafile=str(self.trust))
        url = f"https://127.0.0.1:{self.management}/roots/0"
        with urllib.request.urlopen(url, context=trust, timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def log(self) -> str:
        return (self.folder / "log").read_text()


class Server(Half):
    """mx (or none) and store in one, on an address of its own, with certificates of that authority."""

    def __init__(
        self, folder: Path, run: Path, authority: Authority, acme: str, host: str = "127.0.0.1", link: int = 0,
        mx: bool = True,
    ) -> None:
        self.host = host
        self.authority = authority
        self.role_count = 2 if mx else 1
        self.smtp, self.imaps, self.metrics = ports.free(3)
        folder.mkdir()

        def mirror(up: int) -> str:
            return f"    mirror {{\n        listen {host}:{link + up};\n        silence 1s;\n    }}\n" if link else ""

        super().__init__(
            folder, run, "server",
            f"metrics {{\n    listen {host}:{self.metrics};\n}}\n"
            f"tls {{\n    acme {{\n        directory {authority.directory};\n        agree_to_terms yes;\n"
            f"        http_listen {host}:{authority.http_port};\n        tls_listen {host}:{authority.tls_port};\n"
            f"        authorities {authority.trust};\n        retry 1m;\n        {acme}\n    }}\n}}\n"
            + (f"mx {{\n    listen smtp {host}:{self.smtp};\n{mirror(1)}}}\n" if mx else "") +
            f"store {{\n    listen imaps {host}:{self.imaps};\n    password_hash_memory 1M;\n"
            f"    password_hash_passes 1;\n    scram_iterations 4096;\n{mirror(0)}}}",
            self.smtp,
        )  # fmt: skip

    def await_ready(self, said: int) -> None:
        assert self.process
        end = time.monotonic() + PATIENCE
        while self.log.read_bytes()[said:].count(b"role ready") < self.role_count:
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        super().stop()
        broken = [line for line in self.log.read_text(errors="replace").splitlines() if BROKEN.search(line)]
        assert not broken, broken[:20]

    def __enter__(self) -> "Server":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def show(self, name: str) -> Any:
        return self.run("certificate", "show", name)

    def await_shown(self, name: str, key: str, unlike: Any = None) -> Any:
        """Until what is shown there is something else."""
        end = time.monotonic() + PATIENCE
        while (shown := self.show(name))[key] == unlike:
            assert time.monotonic() < end, (shown, self.log.read_text()[-3000:])
            time.sleep(0.05)
        return shown
