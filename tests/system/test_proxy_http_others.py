"""HTTP through the proxy with programs of others: Radicale and nginx behind it, HAProxy in front."""

import json
import os
import pwd
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from halves import PASSWORD, ports
from http_back import PIECE, Back, pattern
from http_proxied import HOST, SECRET, Client, HttpWorld, Raw, basic
from proxied import DOMAIN, certificate
from shape import PATIENCE, SANITIZED

ANN, BOB = f"ann@{DOMAIN}", f"bob@{DOMAIN}"
MEGA = 1 << 20
EVENT = """BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//test//EN\r
BEGIN:VEVENT\r
UID:{name}\r
DTSTAMP:20260101T000000Z\r
DTSTART:20260102T100000Z\r
SUMMARY:{name}\r
END:VEVENT\r
END:VCALENDAR\r
"""
QUERY = """<?xml version="1.0"?><C:calendar-query xmlns:C="urn:ietf:params:xml:ns:caldav" xmlns:D="DAV:">
<D:prop><C:calendar-data/></D:prop><C:filter><C:comp-filter name="VCALENDAR"/></C:filter></C:calendar-query>"""


class Program:
    """Runs until the test is over; it listens at the port."""

    def __init__(self, folder: Path, port: int, *command: str) -> None:
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
        end = time.monotonic() + PATIENCE
        while not answers(port):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=PATIENCE)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def radicale(folder: Path, port: int, user: str) -> Program:
    folder.mkdir()
    (folder / "users").write_text(f"{user}:{SECRET}\n")
    (folder / "config").write_text(
        f"[server]\nhosts = 127.0.0.1:{port}\n[auth]\ntype = htpasswd\nhtpasswd_filename = {folder}/users\n"
        f"htpasswd_encryption = plain\n[storage]\nfilesystem_folder = {folder}/collections\n"
    )
    return Program(folder, port, "/usr/bin/python3", "-m", "radicale", "--config", str(folder / "config"))


def nginx(folder: Path, port: int, user: str) -> Program:
    folder.mkdir()
    for name in ("files", "bodies"):
        (folder / name).mkdir()
    hashed = subprocess.run(["openssl", "passwd", "-apr1", "-stdin"], input=SECRET, capture_output=True, text=True, check=True)
    (folder / "users").write_text(f"{user}:{hashed.stdout}")
    (folder / "nginx.conf").write_text(f"""
user {pwd.getpwuid(os.getuid()).pw_name};
daemon off; pid {folder}/pid; error_log {folder}/errors; worker_processes 1;
events {{ }}
http {{
    access_log {folder}/access; client_body_temp_path {folder}/bodies; client_max_body_size 0;
    proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    server {{
        listen 127.0.0.1:{port};
        root {folder}/files;
        auth_basic "nginx"; auth_basic_user_file {folder}/users;
        dav_methods PUT DELETE MKCOL COPY MOVE; create_full_put_path on;
    }}
}}
""")
    return Program(folder, port, "/usr/sbin/nginx", "-e", f"{folder}/errors", "-c", str(folder / "nginx.conf"))


class Foreign(HttpWorld):
    """ann lives at a Radicale, bob at an nginx."""

    def __init__(self, folder: Path) -> None:
        one, two = ports.free(2)
        super().__init__(folder, {"one": one, "two": two}, f"    default_host one.{DOMAIN};\n")
        self.programs = [radicale(folder / "radicale", one, ANN), nginx(folder / "nginx", two, BOB)]
        self.lives("ann", "one")
        self.lives("bob", "two")
        self.start()

    def stop(self) -> None:
        super().stop()
        for program in self.programs:
            program.stop()


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foreign]:
    world = Foreign(tmp_path_factory.mktemp("foreign"))
    yield world
    world.stop()
    check_log(world)


def check_log(world: HttpWorld) -> None:
    said = world.log()
    assert SECRET not in said and basic(ANN).split()[1] not in said
    assert "Sanitizer" not in said and "must(" not in said and "runtime error" not in said


def test_calendars_of_radicale(foreign: Foreign) -> None:
    home = f"/{ANN}/cal/"
    with Client(foreign, ANN) as client:
        assert client.do("MKCALENDAR", home)[0] == 201
        for i in range(20):
            text = EVENT.format(name=f"event-{i}")
            assert client.do("PUT", f"{home}{i}.ics", text.encode(), Content_Type="text/calendar")[0] == 201
        answer = client.ask("PROPFIND", home, b"", Depth="1")
        assert answer.status == 207 and answer.read().count(b"<href>") >= 21
        status, body = client.do("REPORT", home, QUERY.encode(), Depth="1", Content_Type="application/xml")
        assert status == 207
        assert all(f"SUMMARY:event-{i}".encode() in body for i in range(20))
        assert client.do("DELETE", f"{home}3.ics")[0] == 200
        assert client.do("GET", f"{home}3.ics")[0] == 404
        assert b"SUMMARY:event-4" in client.do("GET", f"{home}4.ics")[1]
    with Client(foreign, ANN, "wrong") as client:
        answer = client.ask("PROPFIND", home, b"", Depth="0")
        assert answer.status == 401 and "Radicale" in answer.headers["WWW-Authenticate"]


def test_a_client_finds_calendars_by_the_well_known_name(foreign: Foreign) -> None:
    with Client(foreign) as client:
        answer = client.ask("PROPFIND", "/.well-known/caldav", b"")
        assert answer.status in (301, 302, 303, 307, 308) and answer.headers["Location"]
        answer.read()
        assert "PROPFIND" in client.ask("OPTIONS", "/").headers["Allow"]


def test_files_of_nginx(foreign: Foreign) -> None:
    text = b"".join(pattern(0, PIECE) for _ in range(50 * MEGA // PIECE))
    with Client(foreign, BOB) as client:
        assert client.do("PUT", "/a/b/large", text)[0] == 201
        status, body = client.do("GET", "/a/b/large")
        assert status == 200 and body == text
        answer = client.ask("GET", "/a/b/large", None, Range="bytes=1000-1999")
        assert answer.status == 206 and answer.read() == text[1000:2000]
        etag = answer.headers["ETag"]
        assert client.do("GET", "/a/b/large", None, If_None_Match=etag) == (304, b"")
        assert client.do("MOVE", "/a/b/large", None, Destination=f"http://{HOST}/a/moved")[0] == 204
        assert client.do("GET", "/a/b/large")[0] == 404
        assert client.ask("HEAD", "/a/moved").headers["Content-Length"] == str(len(text))
        client.http.close()
        assert client.do("DELETE", "/a/moved")[0] == 204
    with Client(foreign, BOB, "wrong") as client:
        assert client.ask("GET", "/").headers["WWW-Authenticate"] == 'Basic realm="nginx"'


def test_curl_uploads_to_nginx_when_it_is_told_to_go_on(foreign: Foreign, tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(pattern(0, PIECE) * 100)
    done = subprocess.run(
        ["curl", "-sSv", "--fail", "-u", f"{BOB}:{SECRET}", "-H", "Expect: 100-continue", "--expect100-timeout", "20",
         "-T", tmp_path / "body", f"http://127.0.0.1:{foreign.ports['http']}/curl"],
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done
    assert "100 Continue" in done.stderr and "201 Created" in done.stderr


HAPROXY = """
global
    maxconn 200
defaults
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend plain
    mode tcp
    bind 127.0.0.1:{tcp}
    default_backend by_proxy
backend by_proxy
    mode tcp
    server rookery 127.0.0.1:{proxied} send-proxy-v2
frontend tls
    mode http
    bind 127.0.0.1:{tls} ssl crt {pem} alpn h2,http/1.1
    option forwardfor
    http-request del-header Forwarded
    http-request set-header X-Forwarded-Proto https
    default_backend by_http
backend by_http
    mode http
    http-reuse always
    server rookery 127.0.0.1:{http} source 127.0.0.9
"""


class Fronted(HttpWorld):
    def __init__(self, folder: Path) -> None:
        self.one, self.two = Back({ANN: SECRET}), Back({BOB: SECRET})
        backs = {"one": self.one.port, "two": self.two.port}
        super().__init__(folder, backs, "    front_ends 127.0.0.9;\n")
        self.lives("ann", "one")
        self.lives("bob", "two")
        self.lives("loop", "")
        self.directory.places[f"loop@{DOMAIN}"] = f"127.0.0.1:{self.ports['http']}"
        self.half.config.write_text(
            self.half.config.read_text() + "limits {\n    auth_failures_per_address 4;\n}\n"
        )
        self.start()
        self.tcp, self.tls = ports.free(2)
        certificate(folder, "front", (HOST,))
        (folder / "both.pem").write_text((folder / "front.pem").read_text() + (folder / "front.key").read_text())
        (folder / "haproxy.cfg").write_text(HAPROXY.format(
            tcp=self.tcp, tls=self.tls, pem=folder / "both.pem", **self.ports))  # fmt: skip
        self.haproxy = Program(folder, self.tls, "/usr/sbin/haproxy", "-db", "-f", str(folder / "haproxy.cfg"))
        self.folder = folder

    def curl(self, port: int, user: str, target: str, *more: str) -> dict[str, object]:
        scheme = "https" if port == self.tls else "http"
        done = subprocess.run(
            ["curl", "-sS", "--fail", "-u", f"{user}:{SECRET}", "--cacert", self.folder / "front.pem", "--resolve",
             f"{HOST}:{port}:127.0.0.1", "-w", "%{stderr}%{http_version}", *more, f"{scheme}://{HOST}:{port}{target}"],
            capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done
        told: dict[str, object] = json.loads(done.stdout)
        told["version"] = done.stderr
        told["names"] = {name.lower(): value for name, value in told["headers"]}  # type: ignore[attr-defined]
        return told

    def stop(self) -> None:
        self.haproxy.stop()
        super().stop()
        self.one.stop()
        self.two.stop()


@pytest.fixture(scope="module")
def fronted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fronted]:
    world = Fronted(tmp_path_factory.mktemp("fronted"))
    yield world
    world.stop()
    check_log(world)


def test_behind_haproxy_with_a_proxy_header(fronted: Fronted) -> None:
    told = fronted.curl(fronted.tcp, ANN, "/x", "--interface", "127.0.0.5")
    assert told["names"]["x-forwarded-for"] == "127.0.0.5"  # type: ignore[index]


def test_behind_haproxy_that_speaks_http_2(fronted: Fronted, tmp_path: Path) -> None:
    """Its connections carry requests of several clients and users."""
    (tmp_path / "body").write_bytes(b"x" * 300000)
    for source in ("127.0.0.5", "127.0.0.6"):
        for user, back in ((ANN, fronted.one), (BOB, fronted.two)):
            back.forget()
            told = fronted.curl(fronted.tls, user, "/x", "--http2", "--interface", source, "-H",
                                "X-Forwarded-For: 192.0.2.66", "-T", str(tmp_path / "body"))  # fmt: skip
            names = told["names"]
            assert isinstance(names, dict)
            assert told["version"] == "2" and told["length"] == 300000
            assert names["x-forwarded-for"] == source and names["x-forwarded-proto"] == "https"
            assert names["forwarded"].startswith(f"for={source};proto=https;")
            assert len(back.seen) == 1


def test_only_front_ends_may_say_who_the_client_is(fronted: Fronted) -> None:
    for source, client_is in (("127.0.0.9", "192.0.2.7"), ("127.0.0.1", "127.0.0.1")):
        with Client(fronted, ANN, source=source) as client:
            names = client.told("GET", "/", X_Forwarded_For="203.0.113.1, 192.0.2.7")["names"]
            assert names["x-forwarded-for"] == client_is
    with Client(fronted, ANN, source="127.0.0.9") as client:
        names = client.told("GET", "/", Forwarded='for="[2001:db8::7]:99";proto=https')["names"]
        assert names["forwarded"] == f'for="[2001:db8::7]";proto=https;host="{HOST}"'
        assert client.do("GET", "/", X_Rookery_TTL="many")[0] == 400


def test_failures_count_by_the_client_behind_the_front_end(fronted: Fronted) -> None:
    for _ in range(4):
        with Client(fronted, ANN, "wrong", source="127.0.0.9") as client:
            assert client.do("GET", "/", X_Forwarded_For="192.0.2.50")[0] == 401
    with Client(fronted, ANN, source="127.0.0.9") as client:
        assert client.do("GET", "/", X_Forwarded_For="192.0.2.50")[0] == 429
        client.told("GET", "/", X_Forwarded_For="192.0.2.51")
        client.told("GET", "/")


def test_a_loop_is_cut(fronted: Fronted) -> None:
    with Client(fronted, ANN, source="127.0.0.9") as client:
        assert client.told("GET", "/", X_Rookery_TTL="3")["names"]["x-rookery-ttl"] == "2"
        assert client.told("GET", "/", X_Rookery_TTL="200")["names"]["x-rookery-ttl"] == "5"
        for ttl in ("0", "1"):
            assert client.do("GET", "/", X_Rookery_TTL=ttl)[0] == 508
    requests = fronted.metric("http_requests_total")
    with Client(fronted, f"loop@{DOMAIN}") as client:
        assert client.do("GET", "/")[0] == 508
    assert fronted.metric("http_requests_total") == requests + 6
    assert "in a circle" in fronted.log()


def test_no_password_is_taken_in_the_clear(tmp_path: Path) -> None:
    back = Back({ANN: SECRET})
    world = HttpWorld(tmp_path, {"one": back.port})
    world.half.config.write_text(
        world.half.config.read_text().replace("plain_login_on_loopback yes;", "plain_login_on_loopback no;")
    )
    world.lives("ann", "one")
    world.start()
    try:
        for user in (ANN, None):
            with Client(world, user) as client:
                assert client.do("GET", "/")[0] == 403
        done = subprocess.run(
            ["curl", "-sS", "--fail", "-u", f"{ANN}:{SECRET}", "--cacert", world.ca, "--resolve",
             f"{HOST}:{world.ports['https']}:127.0.0.1", f"https://{HOST}:{world.ports['https']}/tls"],
            capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done
        assert back.lines() == ["GET /tls HTTP/1.1"]
    finally:
        world.stop()
        back.stop()


def test_a_master_logs_in_for_users(tmp_path: Path) -> None:
    """The directory checks the password, once for many requests; the back end sees the master's."""
    back = Back({f"{ANN}*proxy": "master's own"})
    world = HttpWorld(tmp_path, {"one": back.port}, "    login master;\n    master_user proxy;\n"
                      "    master_secret_file SECRET;\n")  # fmt: skip
    secret = world.run / "master"  # which the confined role may read
    secret.write_text("master's own\n")
    world.half.config.write_text(world.half.config.read_text().replace("SECRET", str(secret)))
    world.lives("ann", "one")
    try:
        world.start()
        with Client(world, ANN, PASSWORD) as client:
            for i in range(5):
                told = client.told("GET", f"/{i}")
                assert told["names"]["authorization"] == basic(f"{ANN}*proxy", "master's own")
            asked = [line.split()[0] for line in world.directory.asked]
            assert asked.count("check") == 1
            client.headers["Authorization"] = basic(ANN, "wrong")
            assert client.do("GET", "/no")[0] == 401
        assert [line.split()[1] for line in back.lines()] == [f"/{i}" for i in range(5)]
        assert "master's own" not in world.log()
    finally:
        world.stop()
        back.stop()


def test_ten_thousand_requests_leak_nothing(fronted: Fronted) -> None:
    def ask(count: int) -> None:
        with Raw(fronted) as raw:
            for start in range(0, count, 50):
                raw.send(b"".join(
                    f"GET /{start + i} HTTP/1.1\r\nHost: a\r\nAuthorization: {basic(ANN)}\r\n\r\n".encode()
                    for i in range(50)
                ))  # fmt: skip
                assert [raw.answer()[0] for _ in range(50)] == [200] * 50

    ask(500)
    before = fronted.memory()
    ask(10000)
    if not SANITIZED:  # whose allocator keeps what was freed
        assert fronted.memory() - before < 4 * 1024


def test_a_proxy_behind_a_proxy_by_tls(fronted: Fronted, tmp_path: Path) -> None:
    """Certificates are checked; what one adds the next one counts on."""
    outer = HttpWorld(tmp_path, {})
    port = fronted.ports["https"]
    trusted, other = outer.run / "trusted.pem", outer.run / "tls.pem"
    trusted.write_bytes(fronted.ca.read_bytes())
    blocks = "".join(
        f'    backend "{name}" {{\n        address 127.0.0.1;\n        http_port {port};\n'
        f"        tls implicit;\n        authorities {authorities};\n    }}\n"
        for name, authorities in ((HOST, trusted), ("localhost", other), ("elsewhere.test", trusted))
    )
    outer.half.config.write_text(outer.half.config.read_text().replace("    backend_tls none;\n", blocks))
    outer.directory.places = {ANN: HOST, BOB: "localhost", f"cy@{DOMAIN}": "elsewhere.test"}
    outer.start()
    try:
        with Client(outer, ANN) as client:
            told = client.told("PUT", "/x", b"x" * 3 * MEGA)
            assert told["length"] == 3 * MEGA
            assert told["names"]["x-rookery-ttl"] == "4"
            assert told["names"]["x-forwarded-proto"] == "https"
            for kind in ("big", "chunked", "close"):
                assert len(client.do("GET", f"/{kind}?n={20 * MEGA}")[1]) == 20 * MEGA
            assert client.told("GET", "/y")["line"] == "GET /y HTTP/1.1"
        for user in (BOB, f"cy@{DOMAIN}"):  # not signed by whom it should be; another name
            with Client(outer, user) as client:
                assert client.do("GET", "/")[0] == 503
        with Raw(outer) as raw:
            raw.send(f"GET /ws HTTP/1.1\r\nHost: a\r\nAuthorization: {basic(ANN)}\r\nConnection: Upgrade\r\n"
                     "Upgrade: websocket\r\n\r\nearly".encode())  # fmt: skip
            assert raw.head()[0] == 101
            assert raw.input.read(11) == b"hello EARLY"
            raw.send(b"z" * MEGA)
            assert raw.input.read(MEGA) == b"Z" * MEGA
    finally:
        outer.stop()
    check_log(outer)
