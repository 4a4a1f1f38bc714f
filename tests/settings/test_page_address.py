"""The address that people type works in a browser, or ends the start with one that would."""

import os
import re
import subprocess
import sys
import unicodedata

import pytest

from ondol import env_file
from ondol.config import Config, ConfigError, config, variable
from ondol.page_address import is_wildcard, normalized

KNOWN = frozenset(map(variable, Config.model_fields))


@pytest.mark.parametrize(
    ("address", "hint"),
    [
        ("ondol.example.org", "write it whole"),
        ("//ondol.example.org", "write it whole"),
        ("ftp://ondol.example.org", "write it whole"),
        ("https:ondol.example.org", "write it whole"),
        ("https:\\\\ondol.example.org", "write it whole"),
        ("https://", "write it whole"),
        ("https://ondol.example.org/ondol", "leave the path out"),
        ("https://example.org/ondol/", "leave the path out"),
        ("https://ada@ondol.example.org", "user name and password"),
        ("https://ada:warm@ondol.example.org", "user name and password"),
        ("https://@ondol.example.org", "user name and password"),
        ("https://ondol.example.org?x=1", "leave out"),
        ("https://ondol.example.org/?", "leave out"),
        ("https://ondol.example.org/#people", "leave out"),
        ("https://my_lab.example.org", "no underscore"),
        ("https://연구_실.kr", "no underscore"),
        ("https://-온돌.kr", "browsers take"),
        ("https://*.example.org", "no host name"),
        ("https://*", "no host name"),
        ("https://.example.org", "no host name"),
        ("https://ondol..example.org", "no host name"),
        ("https://ondol.example.org.", "no host name"),
        ("https://-ondol.example.org", "no host name"),
        ("https://on dol.example.org", "no host name"),
        ("https://a.example.org,https://b.example.org", "leave the path out"),
        ("https://a.example.org,b.example.org", "no host name"),
        (f"https://{'a' * 64}.example.org", "no host name"),
        ("https://ondol%2eexample.org", "no host name"),
        ("https://ondol.example.org:0", "no number from 1"),
        ("https://ondol.example.org:", "no number from 1"),
        ("https://ondol.example.org:99999", "its port is no number"),
        ("https://ondol.example.org:https", "its port is no number"),
        ("http://10.0.0.256:8000", "not an IPv4 address"),
        ("http://10.1:8000", "not an IPv4 address"),
        ("http://0.0.0.0:8000", "nobody can type"),
        ("http://[::]:8000", "nobody can type"),
        ("http://[fe80::1%25eth0]:8000", "nobody can type"),
        ("http://[::1", "its host is malformed"),
    ],
)
def test_an_address_that_no_browser_can_open_ends_adas_start(monkeypatch, address, hint):
    monkeypatch.setenv("ONDOL_URL", address)
    with pytest.raises(ConfigError) as error:
        config()
    assert str(error.value).startswith("ONDOL_URL")
    assert hint in str(error.value)
    assert "warm" not in str(error.value)


@pytest.mark.parametrize(
    ("address", "url"),
    [
        ("https://ondol.example.org", "https://ondol.example.org"),
        ("https://ondol.example.org/", "https://ondol.example.org"),
        ("HTTPS://Ondol.Example.ORG", "https://ondol.example.org"),
        ("https://ondol.example.org:443", "https://ondol.example.org"),
        ("http://ondol.example.org:80", "http://ondol.example.org"),
        ("http://ondol.example.org:443", "http://ondol.example.org:443"),
        ("http://ondol", "http://ondol"),
        ("http://10.0.0.5:8000", "http://10.0.0.5:8000"),
        ("http://[2001:DB8:0::5]:8000", "http://[2001:db8::5]:8000"),
        ("https://온돌.kr", "https://xn--pq1b416a.kr"),
        (unicodedata.normalize("NFD", "https://온돌.kr"), "https://xn--pq1b416a.kr"),
        ("https://xn--pq1b416a.kr", "https://xn--pq1b416a.kr"),
        ("https://XN--PQ1B416A.kr", "https://xn--pq1b416a.kr"),
        ("https://온돌.한국:8443", "https://xn--pq1b416a.xn--3e0b707e:8443"),
        ("https://온돌。kr", "https://xn--pq1b416a.kr"),
        ("https://straße.de", "https://xn--strae-oqa.de"),
        ("https://Büro.example.org", "https://xn--bro-hoa.example.org"),
        ("https://연구실.example.org", "https://xn--2e0b402b2gc.example.org"),
    ],
)
def test_an_address_is_what_a_browser_sends(address, url):
    assert normalized(address) == url


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "0", "0.0", "0:0:0:0:0:0:0:0", "::0"])
def test_a_server_for_all_addresses_says_that_it_needs_one_to_be_known_by(monkeypatch, host):
    assert is_wildcard(host)
    monkeypatch.setenv("ONDOL_HOST", host)
    with pytest.raises(ConfigError, match=r"^ONDOL_URL: needed with ONDOL_HOST=.*http://192\.0\.2\.7:8000\.$"):
        config()
    monkeypatch.setenv("ONDOL_URL", "http://10.0.0.5:8000")
    assert config().url == "http://10.0.0.5:8000"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.0.0.5", "localhost", "ondol.example.org", "연구실"])
def test_a_server_for_one_address_is_known_by_it(host):
    assert not is_wildcard(host)


@pytest.mark.parametrize("host", ["my_lab", "fe80::1%eth0", "10.0.0.256"])
def test_a_host_that_is_no_address_for_browsers_needs_one(monkeypatch, host):
    monkeypatch.setenv("ONDOL_HOST", host)
    with pytest.raises(ConfigError, match=r"^ONDOL_URL: needed with ONDOL_HOST="):
        config()


@pytest.mark.parametrize("host", ["http://127.0.0.1", "127.0.0.1:8000", "[::1]", "127.0.0.1/", "a b", "localhost:80"])
def test_where_ondol_listens_is_a_host_alone(monkeypatch, host):
    monkeypatch.setenv("ONDOL_HOST", host)
    with pytest.raises(ConfigError, match=r"^ONDOL_HOST=.*alone"):
        config()


@pytest.mark.parametrize(
    ("settings", "is_served"),
    [
        ({"ONDOL_URL": "https://ondol.example.org"}, False),
        ({"ONDOL_URL": "HTTPS://ondol.example.org:8443"}, False),
        ({"ONDOL_URL": "https://온돌.kr", "ONDOL_BEHIND_PROXY": "false"}, False),
        ({"ONDOL_URL": "https://ondol.example.org", "ONDOL_BEHIND_PROXY": "true"}, True),
        ({"ONDOL_URL": "http://ondol.example.org", "ONDOL_BEHIND_PROXY": "true"}, True),
        ({"ONDOL_URL": "http://ondol.example.org"}, True),
        ({}, True),
    ],
)
def test_https_is_served_behind_a_proxy_only(monkeypatch, settings, is_served):
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    if is_served:
        config().require_reachable_pages()
        return
    with pytest.raises(ConfigError, match=r"^ONDOL_URL=https:.*ONDOL_BEHIND_PROXY=true"):
        config().require_reachable_pages()


BLOCKS = {
    "README.md": "ONDOL_HOME=~/.ondol-aws", "README.ko.md": "ONDOL_HOME=~/.ondol-aws",
    "docs/aws-iam-setup.md": "AWS_REGION=", "docs/aws-iam-setup.ko.md": "AWS_REGION=",
}  # fmt: skip
FILLED_IN = {
    "vpc-…": "vpc-0123456789abcdef0", "subnet-…": "subnet-0123456789abcdef0", "smtp://…": "smtp://ada:warm@mail.example.org",
    "ID=…": "ID=AKIAADA", "KEY=…": "KEY=warm",
}  # fmt: skip


def _block(request, file):
    text = (request.config.rootpath / file).read_text()
    [block] = [
        part
        for part in re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        if part.startswith(BLOCKS[file])
    ]
    return block


@pytest.mark.parametrize("file", BLOCKS)
def test_what_the_documentation_shows_works_to_the_letter(request, monkeypatch, tmp_path, file):
    block = _block(request, file)
    assert env_file.parse(block, KNOWN).mistakes  # as long as … stands where something has to be written
    for placeholder, value in FILLED_IN.items():
        block = block.replace(placeholder, value)
    for name in ("ONDOL_HOME", "ONDOL_CLOUD", "ONDOL_ENV_FILE"):
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text(block)
    config().require_reachable_pages()
    config().require("vpc_id", "subnet_id")
    assert config().cloud == "aws"
    written = env_file.parse(block, KNOWN).values
    assert not {name for name in written if name not in KNOWN} - {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


_ASK = """
import django, sys
django.setup()
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import path

class Pages:  # one that needs neither database nor styles, behind all that comes before a page
    urlpatterns = [path("", lambda request: HttpResponse("warm"))]
    handler400 = lambda request, exception: HttpResponse(status=400)

for words in sys.argv[1:]:
    host, _, proto = words.partition(" ")
    headers = {"X-Forwarded-Proto": proto} if proto else {}
    with override_settings(ROOT_URLCONF=Pages):
        answer = Client().get("/", headers={"Host": host, **headers}, SERVER_NAME=host)
    print(answer.status_code, answer.headers.get("Location", ""))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "answers"),
    [
        (
            {"ONDOL_URL": "https://ondol.example.org", "ONDOL_BEHIND_PROXY": "true"},
            {
                "ondol.example.org https": "200 ",
                "ondol.example.org http": "301 https://ondol.example.org/",
                "ondol.example.org": "500 ",
                "elsewhere.example.org https": "400 ",
            },
        ),
        ({"ONDOL_URL": "https://ondol.example.org"}, {"ondol.example.org": "500 ", "ondol.example.org https": "500 "}),
        (
            {"ONDOL_URL": "https://온돌.kr", "ONDOL_BEHIND_PROXY": "true"},
            {"xn--pq1b416a.kr https": "200 ", "xn--pq1b416a.kr:443 https": "200 "},
        ),
        ({"ONDOL_URL": "http://Xn--pq1b416a.KR:8000"}, {"xn--pq1b416a.kr:8000": "200 ", "localhost:8000": "200 "}),
        ({"ONDOL_HOST": "0.0.0.0", "ONDOL_URL": "http://10.0.0.5:8000"}, {"10.0.0.5:8000": "200 "}),
    ],
)
def test_a_browser_that_opens_the_address_is_answered(settings, answers):
    """Each case is a process of its own, since settings are read once in each."""
    env = os.environ | settings | {"DJANGO_SETTINGS_MODULE": "ondol.settings"}
    env.pop("DJANGO_ALLOW_ASYNC_UNSAFE", None)
    done = subprocess.run([sys.executable, "-c", _ASK, *answers], env=env, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == list(answers.values()), done.stderr[-2000:]


@pytest.mark.slow
@pytest.mark.parametrize("words", [["up"], ["web"], ["up", "--host", "0.0.0.0"], ["web", "--host", "::"]])
def test_the_start_is_refused_in_a_sentence(words, tmp_path):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ONDOL_", "AWS_", "DATABASE"))}
    env = kept | {"ONDOL_HOME": str(tmp_path), "ONDOL_ENV_FILE": ""}
    if len(words) == 1:
        env["ONDOL_URL"] = "https://ondol.example.org"
    done = subprocess.run(
        [sys.executable, "-m", "ondol", *words], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert re.fullmatch(r"ondol: ONDOL_URL.*\n", done.stderr)


@pytest.mark.parametrize(
    ("processes", "port", "is_served"), [("1", "9101", True), ("4", "0", True), ("4", "9101", False)]
)
def test_several_processes_serve_no_metrics(monkeypatch, processes, port, is_served):
    """Each counts for itself, and whoever asks would be told the numbers of one."""
    monkeypatch.setenv("ONDOL_WEB_PROCESSES", processes)
    monkeypatch.setenv("ONDOL_WEB_METRICS_PORT", port)
    if is_served:
        config().require_one_process_for_metrics()
        return
    with pytest.raises(ConfigError, match=r"^ONDOL_WEB_PROCESSES=4: "):
        config().require_one_process_for_metrics()
