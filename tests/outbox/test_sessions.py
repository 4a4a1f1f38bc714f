"""A session with a mail server ends in any case, and a failure says its true cause."""

import socket
import time

import pytest
from django.core.mail import EmailMessage

from ondol.outbox import smtp
from ondol.outbox.causes import OF_LETTER, SENTENCES, Cause, DeliveryError
from tests.outbox.mail_host import CLOSE, DRIP, HANG, Authority, MailHost

pytestmark = pytest.mark.enable_socket
STARTTLS = {"STARTTLS": "true"}


def letter(to="mina@example.org"):
    return EmailMessage("Hello", ".\n..\nA line.\n", "ondol@example.org", [to])


def failure(limit=5.0, to="mina@example.org"):
    """Send an e-mail by a session of at most `limit` seconds; return why it was not delivered."""
    began = time.monotonic()
    with pytest.raises(DeliveryError) as error:
        smtp.backend(limit).send_messages([letter(to)])
    assert time.monotonic() - began < limit + 4
    return error.value


@pytest.mark.parametrize(
    ("says", "cause", "is_final", "answer"),
    [
        ({"connect": "554 5.7.1 go away"}, Cause.TURNED_AWAY, False, "554 5.7.1 go away"),
        ({"connect": "421 too many connections"}, Cause.TURNED_AWAY, False, "421"),
        ({"connect": "HTTP/1.1 400 Bad Request"}, Cause.TURNED_AWAY, False, ""),
        ({"connect": CLOSE}, Cause.BROKEN_OFF, False, ""),
        ({"EHLO": "550 who are you"}, Cause.TURNED_AWAY, False, "550"),
        ({"MAIL": "553 5.7.1 not your sender"}, Cause.SENDER, False, "553"),
        ({"MAIL": CLOSE}, Cause.BROKEN_OFF, False, ""),
        ({"RCPT": "550 5.1.1 no such user"}, Cause.RECIPIENT, True, "550 5.1.1"),
        ({"RCPT": "450 4.2.0 greylisted"}, Cause.RECIPIENT, False, "450"),
        ({"RCPT": CLOSE}, Cause.BROKEN_OFF, False, ""),
        ({"DATA": "554 no"}, Cause.CONTENT, True, "554"),
        ({".": "554 spam\x1b[31m"}, Cause.CONTENT, True, "554 spam [31m"),
        ({".": "452 disk full"}, Cause.CONTENT, False, "452"),
        ({".": CLOSE}, Cause.UNCONFIRMED, False, ""),
    ],
)
def test_a_server_that_refuses_or_breaks_off_is_named_with_what_it_said(mail_settings, says, cause, is_final, answer):
    with MailHost(says) as host:
        mail_settings(host.url())
        error = failure()
        assert (error.cause, error.is_final) == (cause, is_final)
        assert error.answer.startswith(answer)
        assert len(error.answer.splitlines()) <= 1


@pytest.mark.parametrize(
    ("step", "says", "cause"),
    [("connect", HANG, Cause.SILENT), ("connect", DRIP, Cause.SILENT), ("EHLO", HANG, Cause.SILENT),
     ("EHLO", DRIP, Cause.SILENT), ("MAIL", HANG, Cause.SILENT), ("RCPT", DRIP, Cause.SILENT),
     ("DATA", HANG, Cause.UNCONFIRMED), (".", HANG, Cause.UNCONFIRMED), (".", DRIP, Cause.UNCONFIRMED)],
)  # fmt: skip
def test_a_server_that_hangs_holds_nobody_for_longer_than_the_limit(mail_settings, step, says, cause):
    """Dripping lines each come in time; all of them together do not."""
    with MailHost({step: says}) as host:
        mail_settings(host.url())
        assert failure(limit=0.6).cause is cause


@pytest.mark.parametrize("says", [{"QUIT": CLOSE}, {".": f"250 taken{CLOSE}"}, {"QUIT": "500 what"}, {"QUIT": HANG}])
def test_an_e_mail_that_was_confirmed_is_delivered_whatever_comes_after(mail_settings, says):
    with MailHost(says) as host:
        mail_settings(host.url())
        assert smtp.backend(8).send_messages([letter()]) == 1
        assert len(host.letters) == 1
        assert "\r\n..\r\n...\r\nA line.\r\n" in host.letters[0]


@pytest.mark.parametrize("step", ["connect", "RCPT", "."])
def test_a_server_that_takes_its_time_is_waited_for(mail_settings, step):
    with MailHost({step: f"{HANG}1.5"}) as host:
        mail_settings(host.url())
        assert smtp.backend(20).send_messages([letter()]) == 1


def test_who_cannot_be_reached_is_told_from_who_does_not_answer(mail_settings):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    mail_settings(f"smtp://127.0.0.1:{port}")
    assert (failure().cause, failure().answer) == (Cause.UNREACHABLE, "Connection refused")
    mail_settings("smtp://mail.example.invalid:25")
    assert failure().cause is Cause.NO_ADDRESS


def test_starttls_needs_no_password_but_a_certificate_that_is_trusted(mail_settings, authority, tmp_path):
    with MailHost(starttls=authority.server) as host:
        mail_settings(host.url(), STARTTLS="true", CA_FILE=authority.file)
        assert smtp.backend(8).probe().tls.startswith("TLSv1.")
        assert smtp.backend(8).send_messages([letter()]) == 1
        assert host.was_encrypted
        mail_settings(host.url(), STARTTLS="true", CA_FILE=Authority.made(tmp_path / "other").file)
        assert failure().cause is Cause.CERTIFICATE
        mail_settings(host.url(), STARTTLS="true", CA_FILE="")
        assert failure().cause is Cause.CERTIFICATE
        assert len(host.letters) == 1
    other = Authority.made(tmp_path / "name", "127.0.0.2")
    with MailHost(starttls=other.server) as host:  # trusted, and somebody else's
        mail_settings(host.url(), STARTTLS="true", CA_FILE=other.file)
        assert failure().cause is Cause.CERTIFICATE
        assert "127.0.0.1" in failure().answer


def test_the_authority_is_for_smtps_too_and_schemes_are_not_mixed_up(mail_settings, authority):
    with MailHost(tls=authority.server, password="hunter2") as host:
        mail_settings(host.url("smtps", "ada"), CA_FILE=authority.file)
        assert smtp.backend(8).send_messages([letter()]) == 1
        mail_settings(host.url("smtp", "ada"), CA_FILE=authority.file)
        assert failure(1).cause in {Cause.SILENT, Cause.BROKEN_OFF}
    with MailHost(starttls=authority.server, password="hunter2") as host:
        mail_settings(host.url("smtps", "ada"), CA_FILE=authority.file)
        assert failure().cause is Cause.TLS
    with MailHost(password="hunter2") as host:  # a password is never sent in the clear
        mail_settings(host.url("smtp", "ada"))
        assert failure().cause is Cause.NO_STARTTLS


@pytest.mark.parametrize(
    ("says", "cause", "answer"),
    [({}, Cause.SIGN_IN, "535 5.7.8 bad user or password"), ({"AUTH": "454 later"}, Cause.SIGN_IN, "454"),
     ({"AUTH": "500 unknown: ECHO"}, Cause.SIGN_IN, "500 unknown: AUTH PLAIN …"),
     ({"AUTH": CLOSE}, Cause.BROKEN_OFF, "")],
)  # fmt: skip
def test_a_wrong_password_is_named_and_never_shown(mail_settings, authority, says, cause, answer):
    with MailHost(says, starttls=authority.server, password="right") as host:
        mail_settings(host.url(user="ada").replace("right", "wr0ng-secret"), CA_FILE=authority.file)
        error = failure()
        assert error.cause is cause
        assert error.answer.startswith(answer)
        assert "wr0ng" not in str(error)


def test_a_server_without_passwords_is_named(mail_settings, authority):
    with MailHost(starttls=authority.server) as host:
        mail_settings(host.url(user="ada"), CA_FILE=authority.file)
        assert failure().cause is Cause.NO_SIGN_IN


def test_an_address_that_cannot_be_written_to_is_given_up(mail_settings):
    with MailHost() as host:
        mail_settings(host.url())
        error = failure(to="mina@exa mple.org\nBcc: x@example.org")
        assert (error.cause, error.is_final) == (Cause.ADDRESS, True)


def test_a_probe_sends_nothing(mail_settings):
    with MailHost({"MAIL": CLOSE, "RCPT": CLOSE}) as host:
        mail_settings(host.url())
        assert smtp.backend(8).probe().tls == ""
        assert not host.letters


def test_every_cause_has_its_sentence():
    assert set(SENTENCES) == set(Cause)
    assert set(Cause) > OF_LETTER
