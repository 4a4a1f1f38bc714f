"""The reverse proxies that we ship, as they are but for ports, name and certificate, with TLS before a real site."""

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Thread

import pytest
import requests

from ondol.request_id import HEADER, taken
from tests.furnished import furnished
from tests.journey.site import Site, free_port, until
from tests.test_logs import LINKS as LINKS_IN_LETTERS

pytestmark = [pytest.mark.slow, pytest.mark.enable_socket, pytest.mark.timeout(300)]

NGINX = """
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{ {snippet} }}
"""
CADDY = "admin off\n\tauto_https disable_redirects\n\tstorage file_system {folder}\n"
SECRET = "c2VjcmV0LW9mLWFsaWNl"
LINKS = [
    *(re.sub("[^/]+/$", f"1-{SECRET}/", link) for link in LINKS_IN_LETTERS),
    f"/%61wake/{SECRET}/",
    f"//awake/{SECRET}/",
    f"/./awake/{SECRET}/",
    f"/accounts/google/login/callback/?code={SECRET}",
    f"/accounts/password/reset/key/1-{SECRET}/?next=/",
]


def placed(name: str, site: "Site | Nobody", port: int, folder: Path, http: int) -> str:
    """Return a snippet for other ports, another name and a certificate of our own."""
    text = (files("ondol.deploy") / name).read_text("utf-8")
    for old, new in (
        ("127.0.0.1:8000", f"127.0.0.1:{site.port}"),
        ("/etc/letsencrypt/live/ondol.example.org/fullchain.pem", f"{folder}/cert.pem"),
        ("/etc/letsencrypt/live/ondol.example.org/privkey.pem", f"{folder}/key.pem"),
        ("# tls /etc/ssl/certs/ondol.pem /etc/ssl/private/ondol.key", f"tls {folder}/cert.pem {folder}/key.pem"),
        ("/var/log/nginx", str(folder)),
        ("/var/log/caddy", str(folder)),
        ("listen 443", f"listen {port}"),
        ("listen 80", f"listen {http}"),
        ("ondol.example.org {", f"https://localhost:{port} {{"),
        ("server_name ondol.example.org", "server_name localhost"),
    ):
        text = text.replace(old, new)
    return re.sub(r"\n    listen \[::\][^\n]*", "", text)


@contextmanager
def proxy(
    program: str, site: "Site | Nobody", port: int, folder: Path, status: int = 200, second: str = ""
) -> Iterator[Path]:
    """Run a proxy, with its lines for a second host if that has an address; yield the folder of its logs."""
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    words += [
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        str(folder / "key.pem"),
        "-out",
        str(folder / "cert.pem"),
    ]
    subprocess.run(words, check=True, capture_output=True)
    if program == "nginx":
        text = NGINX.format(folder=folder, snippet=placed("nginx.conf", site, port, folder, free_port()))
        words = ["nginx", "-p", str(folder), "-c", str(folder / "config"), "-g", "daemon off;"]
    else:
        text = placed("Caddyfile", site, port, folder, 0).replace("{\n", "{\n\t" + CADDY.format(folder=folder), 1)
        words = ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "config")]
    if second:
        text = re.sub(r"\n(\t\t|    )# (?=server |to |\w+_\w+ |transport |\tdial|\})", r"\n\1", text)
        assert text.count("10.0.0.12:8000") == 1
        text = text.replace("10.0.0.12:8000", second)
    (folder / "config").write_text(text)
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(words, stdout=output, stderr=output)
        try:
            until(lambda: alive(process, port, folder, status), 30, "the proxy answers")
            yield folder
        finally:
            process.terminate()
            process.wait(20)


def alive(process: "subprocess.Popen[bytes]", port: int, folder: Path, status: int) -> bool:
    assert process.poll() is None, (folder / "output").read_text()
    return browser_for(folder / "cert.pem").get(f"https://localhost:{port}/healthz", timeout=20).status_code == status


@pytest.fixture(scope="module")
def port():
    return free_port()


@pytest.fixture(scope="module")
def site(tmp_path_factory, port):
    address = {"ONDOL_URL": f"https://localhost:{port}", "ONDOL_BEHIND_PROXY": "true"}
    site = Site(furnished(tmp_path_factory.mktemp("proxied") / "home"), **address).start()
    yield site
    site.stop()


def browser_for(cert: Path) -> requests.Session:
    """Return a browser that knows our certificate, and no other setting of this host."""
    browser = requests.Session()
    browser.trust_env, browser.verify = False, str(cert)
    return browser


def sign_in(url: str, cert: Path, email: str, password: str, **headers: str) -> requests.Response:
    """Sign in as a browser does."""
    with browser_for(cert) as browser:
        browser.get(f"{url}/accounts/login/", timeout=30, headers=headers)
        form = {"login": email, "password": password, "csrfmiddlewaretoken": browser.cookies["__Host-ondol_csrf"]}
        headers |= {"Origin": url, "Referer": f"{url}/accounts/login/"}
        return browser.post(f"{url}/accounts/login/", form, timeout=30, headers=headers)


def needs(program: str) -> None:
    """Skip where it is not installed; `scripts/setup test` does not, since Debian would start it as a server."""
    if shutil.which(program, path="/usr/sbin:/usr/bin:/usr/local/bin:/sbin:/bin") is None:
        pytest.skip(f"{program} is not installed")


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def behind(request, site, port, tmp_path_factory):
    """Run one of the proxies; return the address, the certificate and the folder of its logs."""
    needs(request.param)
    with proxy(request.param, site, port, tmp_path_factory.mktemp(request.param)) as folder:
        yield f"https://localhost:{port}", folder / "cert.pem", folder


# A client that forges what Ondol trusts changes nothing: no redirect without end, no other person.
FORGED = {"X-Forwarded-Proto": "http", "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example.org"}
FORGED[HEADER] = "chosen-by-a-client"


@pytest.mark.parametrize("headers", [{}, FORGED], ids=["plain", "forged"])
def test_people_sign_in(behind, site, headers):
    url, cert, _ = behind
    page = sign_in(url, cert, *(site.home / "admin.txt").read_text().split(), **headers)
    assert (page.status_code, page.history[0].status_code) == (200, 302)
    assert page.url == f"{url}/admin/"  # where administrators begin
    assert page.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert "Content-Security-Policy" in page.headers


def test_no_link_that_lets_somebody_in_is_logged(behind):
    url, cert, folder = behind
    browser = browser_for(cert)
    for link in LINKS:
        whole = f"{url}{link}"
        request = requests.Request("GET", whole, headers={"Referer": whole}).prepare()
        request.url = whole  # as typed
        browser.send(request, timeout=30, allow_redirects=False)
        browser.get(f"{url}/static/none.css", headers={"Referer": whole}, timeout=30)
    browser.get(f"{url}/help/", timeout=30)
    until(lambda: "/help/" in logs(folder), 10, "it has written its log")
    assert SECRET not in logs(folder)


@pytest.mark.parametrize("size", [2_800_000, 4_000_000])
def test_what_is_too_large_gets_a_page_in_both_languages(behind, size):
    url, cert, _ = behind
    answer = browser_for(cert).post(f"{url}/accounts/login/", b"x" * size, timeout=30)
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "text/html; charset=utf-8")
    assert "너무 큽니다" in answer.text
    assert "too large" in answer.text


@pytest.mark.parametrize("size", [2_800_000, 4_000_000])
def test_a_program_whose_request_is_too_large_gets_json(behind, size):
    url, cert, _ = behind
    answer = browser_for(cert).post(f"{url}/api/instances", b"x" * size, timeout=30)
    assert (answer.status_code, answer.headers["Content-Type"]) == (413, "application/json")
    assert answer.json()["error"].keys() == {"code", "message", "hint"}
    assert answer.json()["error"]["code"] == "too_big"


def logs(folder: Path) -> str:
    return "".join(file.read_text() for file in (*folder.glob("*.log"), folder / "output") if file.exists())


def test_where_ondol_is_away_no_link_is_logged(port, tmp_path):
    for program in ("nginx", "caddy"):
        needs(program)
        folder, away = tmp_path / program, free_port()
        folder.mkdir()
        with proxy(program, Nobody(free_port()), away, folder, status=502):
            for link in LINKS:
                answer = browser_for(folder / "cert.pem").get(f"https://localhost:{away}{link}", timeout=30)
                assert answer.status_code == 502
            time.sleep(0.5)
        assert SECRET not in logs(folder)


@dataclass
class Nobody:
    """A site that does not run."""

    port: int


class Echo(BaseHTTPRequestHandler):
    """Answers with the headers of the request."""

    def do_GET(self) -> None:
        body = json.dumps(self.headers.items()).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize("program", ["nginx", "caddy"])
def test_what_a_client_forges_is_replaced(program, tmp_path):
    needs(program)
    port = free_port()
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        with proxy(program, Nobody(server.server_port), port, tmp_path):
            browser = browser_for(tmp_path / "cert.pem")
            got = browser.get(f"https://localhost:{port}/", headers=FORGED, timeout=30).json()
        server.shutdown()
    wanted = {"Host": f"localhost:{port}", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https"}
    for name, value in wanted.items():
        assert [text for key, text in got if key.lower() == name.lower()] == [value]
    [given] = [text for key, text in got if key.lower() == HEADER.lower()]
    assert given != FORGED[HEADER]
    assert taken(given) == given  # in a form that Ondol takes: the log of the proxy and ours have one id


@contextmanager
def swallower() -> Iterator[str]:
    """Yield the address of a host that drops what wants to connect: its queue is full, and nobody takes from it."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server:
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(server.getsockname())
        yield "127.0.0.1:{1}".format(*server.getsockname())
        for one in waiting:
            one.close()


@pytest.mark.parametrize("program", ["nginx", "caddy"])
def test_a_second_host_that_drops_packets_holds_up_nobody_for_long(program, tmp_path):
    needs(program)
    port, seconds = free_port(), []
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server, swallower() as second:
        Thread(target=server.serve_forever, daemon=True).start()
        with proxy(program, Nobody(server.server_port), port, tmp_path, second=second):
            browser = browser_for(tmp_path / "cert.pem")
            for _ in range(8):
                start = time.monotonic()
                assert browser.get(f"https://localhost:{port}/", timeout=30).status_code == 200
                seconds.append(time.monotonic() - start)
        server.shutdown()
    assert max(seconds) < 4
    assert sum(each > 1 for each in seconds) <= 1, "it is left out once it has not answered"
