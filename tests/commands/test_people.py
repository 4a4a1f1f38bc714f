"""`ondol user` and `ondol token create`."""

import io
import json
import locale
import os
import sys

import pytest
from django.utils import translation
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts import mail
from ondol.accounts.models import ApiToken, Decision, User
from ondol.commands import main
from ondol.config import config
from ondol.host.tree import Tree
from ondol.instances.models import StatusChange
from ondol.policy.models import PolicyChange
from ondol.web.activity.lines import told

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
    monkeypatch.setattr(sys, "stdin", piped(b"seventeen grey herons\n"))
    assert main(["user", "add", "Alice@Example.org", "--admin", "--password-stdin"]) == 0
    alice = User.objects.get(email__iexact="alice@example.org")
    assert alice.is_admin
    assert alice.is_approved
    assert alice.check_password("seventeen grey herons")
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


@pytest.fixture
def carol(capsys):
    """Return Carol, whose request is pending."""
    main(["user", "add", "carol@example.org", "--name", "캐럴"])
    capsys.readouterr()
    return User.objects.get(email="carol@example.org")


def letters():
    return [job.args["kind"] for job in ProcrastinateJob.objects.filter(task_name=mail.TASK).order_by("id")]


def test_acts_on_the_command_line_are_those_of_the_pages_and_noted_alike(carol, capsys):
    main(["user", "add", "ada@example.org", "--admin"])
    for words in (["approve", carol.email], ["role", carol.email, "admin"], ["role", carol.email, "member"]):
        assert main(["user", *words]) == 0
    assert main(["user", "suspend", "CAROL@example.org", "--reason", "On leave."]) == 0
    carol.refresh_from_db()
    assert (carol.approval, carol.role, carol.decision_reason) == ("SUSPENDED", "MEMBER", "On leave.")
    assert letters() == ["decision", "decision"]
    noted = Decision.objects.filter(user=carol).order_by("id").values_list("what", "by")
    acts = ["VOUCHED", "APPROVED", "ADMIN", "MEMBER", "SUSPENDED"]
    assert list(noted) == [(act, None) for act in acts]
    with translation.override("en"):
        newest = told(Decision.objects.filter(user=carol), StatusChange.objects.none(), PolicyChange.objects.none())[0]
    assert (newest.what, newest.without) == ("suspended", "on the command line")
    assert "carol@example.org: suspended, member." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["approve", "mallory@example.org"], "There is nobody with the address mallory@example.org"),
        (["approve", "carol@example.org", "mallory@example.org"], "There is nobody with the address mallory"),
        (["approve", "carol"], "There is nobody"),
        (["suspend", "carol@example.org"], "Only an approved person can be suspended."),
        (["suspend", "ada@example.org"], "This is the last administrator."),
        (["suspend", "bob@example.org", "--reason", "x" * 1001], "The reason is longer than 1,000"),
        (["add", "Carol@example.org"], "An account with carol@example.org already exists."),
        (
            ["add", "carol@example.org", "--approved"],
            "An account with carol@example.org already exists. To approve it: ondol user approve carol@example.org",
        ),
        (["role", "carol@example.org", "admin"], "Approve this person before"),
        (["role", "ada@example.org", "member"], "This is the last administrator."),
    ],
)
def test_what_the_pages_refuse_is_refused_here_in_one_english_sentence(carol, capsys, words, sentence):
    main(["user", "add", "ada@example.org", "--admin"])
    main(["user", "add", "bob@example.org", "--approved"])
    capsys.readouterr()
    assert main(["user", *words]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"ondol: {sentence}")
    assert len(error.splitlines()) == 1
    assert letters() == []
    assert User.objects.get(pk=carol.pk).approval == "PENDING"


def test_what_was_done_already_is_done_and_nobody_gets_a_second_letter(carol):
    for _ in range(2):
        assert main(["user", "approve", carol.email]) == 0
    assert letters() == ["decision"]


def test_people_are_listed_for_readers_and_for_programs(carol, capsys):
    main(["user", "add", "ada@example.org", "--admin"])
    capsys.readouterr()
    assert main(["user", "list"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.split()[:3] == ["carol@example.org", "pending", "member"]
    assert second.split()[:3] == ["ada@example.org", "approved", "admin"]
    assert main(["user", "list", "캐럴", "--approval", "pending", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)
    assert (one["email"], one["name"]) == ("carol@example.org", "캐럴")
    assert main(["user", "list", "nobody"]) == 0
    assert capsys.readouterr().out == ""


def test_a_token_is_printed_alone_so_that_a_script_can_take_it(capsys):
    main(["user", "add", "dan@example.org", "--approved"])
    capsys.readouterr()
    assert main(["token", "create", "dan@example.org"]) == 0
    (token,) = capsys.readouterr().out.splitlines()
    assert " " not in token
    assert ApiToken.objects.get().scopes == ["read", "machine"]


@pytest.mark.parametrize("scopes", [["machine"], ["machine", "read"], ["administrate", "read", "machine", "read"]])
def test_a_token_has_all_scopes_that_were_asked_for(capsys, scopes):
    main(["user", "add", "ada@example.org", "--admin"])
    assert main(["token", "create", "ada@example.org", *(word for scope in scopes for word in ("--scope", scope))]) == 0
    assert set(ApiToken.objects.get().scopes) == set(scopes)


def test_nobody_gets_a_token_for_a_stranger(capsys):
    assert main(["token", "create", "mallory@example.org"]) == 1
    assert "mallory@example.org" in capsys.readouterr().err


@pytest.fixture
def told_of_admin(tmp_path):
    """Return what `ondol up` says of the trial's first administrator, after one more start."""
    file = tmp_path / "admin.txt"
    settings = config().model_copy(update={"home": tmp_path})

    def start():
        assert main(["migrate", "--first-admin", str(file)]) == 0
        return Tree(settings, 1.0)._trial_lines()[1], file.read_text()

    return start


def test_a_first_password_is_told_until_it_was_changed(told_of_admin):
    line, (email, password) = told_of_admin()[0], told_of_admin()[1].split()
    assert f"Sign in as {email} with the password {password}" in line
    ada = User.objects.get()
    ada.set_password("her own")
    ada.save()
    line, kept = told_of_admin()
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
