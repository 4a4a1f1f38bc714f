"""`ondol user add` and `ondol token create`."""

import io
import locale
import os
import sys
from types import SimpleNamespace

import pytest
from django.utils import translation

from ondol.accounts.models import User
from ondol.commands import main
from ondol.config import config
from ondol.host.tree import Tree

pytestmark = [pytest.mark.django_db, pytest.mark.enable_socket]


@pytest.fixture(autouse=True)
def _korean_installation():
    """The commands speak English whatever the site speaks."""
    with translation.override("ko"):
        yield


def piped(data):
    """Return a standard input."""
    return io.TextIOWrapper(io.BytesIO(data), "utf-8")


WINTER = "겨울에는 따뜻한 아랫목"


@pytest.mark.parametrize(
    "data",
    [
        f"{WINTER}\n".encode(),
        f"{WINTER}\r\nmore\n".encode(),
        WINTER.encode(),
        f"{WINTER}\n".encode("utf-8-sig"),
        f"{WINTER}\r\n".encode("utf-16"),
        "\ufeff".encode("utf-16-be") + f"{WINTER}\r\n".encode("utf-16-be"),
    ],
)
def test_a_piped_password_is_what_was_typed(capsys, monkeypatch, data):
    """PowerShell sends a mark or UTF-16."""
    monkeypatch.setattr(sys, "stdin", piped(data))
    assert main(["user", "add", "bob@example.org", "--password-stdin"]) == 0
    assert User.objects.get().check_password(WINTER)


@pytest.mark.parametrize("data", [f"{WINTER}\n".encode("cp949"), f"{WINTER}\n".encode("utf-16-le"), b"\xff\xff\xff\n"])
def test_a_piped_password_is_not_guessed(capsys, monkeypatch, data):
    monkeypatch.setattr(locale, "getencoding", lambda: "utf-8")
    monkeypatch.setattr(sys, "stdin", piped(data))
    assert main(["user", "add", "bob@example.org", "--password-stdin"]) == 1
    assert "iconv -f cp949" in capsys.readouterr().err
    assert not User.objects.exists()


def test_a_host_that_speaks_cp949_reads_it(capsys, monkeypatch):
    monkeypatch.setattr(locale, "getencoding", lambda: "cp949")
    monkeypatch.setattr(sys, "stdin", piped(f"{WINTER}\n".encode("cp949")))
    assert main(["user", "add", "bob@example.org", "--password-stdin"]) == 0
    assert User.objects.get().check_password(WINTER)


def test_the_first_administrator_is_added_without_a_browser(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", piped(b"a long password\n"))
    assert main(["user", "add", "Alice@Example.org", "--admin", "--password-stdin"]) == 0
    alice = User.objects.get(email__iexact="alice@example.org")
    assert alice.is_admin
    assert alice.is_approved
    assert alice.check_password("a long password")
    assert "alice@example.org" in capsys.readouterr().out.lower()


def test_nobody_is_added_twice_or_with_half_an_address(capsys):
    assert main(["user", "add", "bob@example.org"]) == 0
    assert main(["user", "add", "BOB@example.org"]) == 1
    assert main(["user", "add", "bob@"]) == 1
    error = capsys.readouterr().err
    assert error.isascii()
    assert error.count("ondol: ") == 2


def test_an_empty_password_is_refused(capsys, monkeypatch):
    monkeypatch.setattr(sys, "stdin", piped(b"\n"))
    assert main(["user", "add", "carol@example.org", "--password-stdin"]) == 1
    assert not User.objects.exists()
    assert "empty" in capsys.readouterr().err


def test_a_token_is_printed_alone_so_that_a_script_can_take_it(capsys):
    main(["user", "add", "dan@example.org", "--approved"])
    capsys.readouterr()
    assert main(["token", "create", "dan@example.org"]) == 0
    (token,) = capsys.readouterr().out.splitlines()
    assert " " not in token


def test_nobody_gets_a_token_for_a_stranger(capsys):
    assert main(["token", "create", "mallory@example.org"]) == 1
    assert "mallory@example.org" in capsys.readouterr().err


@pytest.fixture
def told(tmp_path):
    """Return what `ondol up` says of the trial's first administrator, after one more start."""
    file = tmp_path / "admin.txt"

    def start():
        assert main(["migrate", "--first-admin", str(file)]) == 0
        return Tree(SimpleNamespace(home=tmp_path, email_url="file:///mail"), 1.0)._trial_lines()[1], file.read_text()

    return start


def test_a_first_password_is_told_until_it_was_changed(told):
    line, (email, password) = told()[0], told()[1].split()
    assert f"Sign in as {email} with the password {password}" in line
    ada = User.objects.get()
    ada.set_password("her own")
    ada.save()
    line, kept = told()
    assert line.strip() == "Sign in as admin@example.com with the password that was chosen there."
    assert kept == "admin@example.com\n"


def test_a_trials_people_are_added_on_its_clock(tmp_path, monkeypatch, machines_clock):
    machines_clock.be_that_of_settings()
    (tmp_path / "clock").write_text("0,4000000000,1\n")
    (tmp_path / "database.url").write_text(os.environ["DATABASE_URL"])
    monkeypatch.setenv("ONDOL_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("ONDOL_CLOCK", "")
    config.cache_clear()
    try:
        main(["user", "add", "erin@example.org"])
    finally:
        monkeypatch.undo()
        config.cache_clear()
    assert User.objects.get().created_at.year > 2150
