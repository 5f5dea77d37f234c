"""An authority that certifies, and an HTTPS server of the test's own."""

import http.server
import ssl
import subprocess
import threading
from pathlib import Path


class Authority:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "authority.pem"
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                     "authority.key", "-out", "authority.pem", "-days", "9", "-subj", "/CN=test")  # fmt: skip

    def openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def certify(self, name: str, *others: str) -> Path:
        """Key and certificate for that name, and those."""
        names = ",".join(f"DNS:{each}" for each in (name, *others))
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                     f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}",
                     "-addext", f"subjectAltName={names}")  # fmt: skip
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "authority.pem", "-CAkey", "authority.key",
                     "-days", "9", "-copy_extensions", "copy", "-out", f"{name}.crt")  # fmt: skip
        both = self.folder / f"{name}.pem"
        both.write_text("".join((self.folder / f"{name}.{kind}").read_text() for kind in ("key", "crt")))
        return both


class Web:
    """One answer to all that is asked for; what is posted is kept."""

    def __init__(self, chain: Path) -> None:
        self.answer: tuple[int, str, str] = (200, "text/plain", "")
        self.answers: dict[str, tuple[int, str, str]] = {}  # by host, in place of that
        self.asked: list[str] = []
        self.post_status = 201
        self.posted: list[tuple[str, str, bytes]] = []  # path, type, body
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # noqa: N802
                host = self.headers["Host"].partition(":")[0]
                web.asked.append(f"{host}{self.path}")
                status, kind, text = web.answers.get(host, web.answer)
                self.send_response(status)
                self.send_header("Location" if status == 302 else "Content-Type", kind)
                self.end_headers()
                self.wfile.write(text.encode())

            def do_POST(self) -> None:  # noqa: N802
                body = self.rfile.read(int(self.headers["Content-Length"]))
                web.posted.append((self.path, self.headers["Content-Type"], body))
                self.send_response(web.post_status)
                self.end_headers()
                self.wfile.write(b"thank you")

            def log_message(self, *words: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(chain)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()
