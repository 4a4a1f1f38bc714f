"""Ada invites people: nobody twice, nobody is missed, and nobody else gets in."""

from datetime import UTC, datetime, timedelta

import pytest
from allauth.account.models import EmailAddress
from django.utils import translation
from procrastinate.contrib.django.models import ProcrastinateJob

from ondol.accounts import invitations, people, proof
from ondol.accounts.invitations import DAYS, TASK, Fate, invite, invite_again, plan, read
from ondol.accounts.invited_rows import checked, rows_of
from ondol.accounts.models import AddressChange, Approval, Decision, Invitation, User
from ondol.accounts.people import AccountError
from ondol.audit.models import Entry
from ondol.commands import main
from ondol.config import config
from tests.accounts.conftest import person

DAN = "dan@example.org,Dan,KIGAM,en"


def rows(text=DAN):
    return rows_of(text)


def jobs():
    return list(ProcrastinateJob.objects.filter(task_name=TASK).order_by("pk"))


def link(mailoutbox):
    return mailoutbox[-1].body.partition("/invitation/")[2].split("/")[0]


def test_dan_is_approved_and_gets_one_letter_however_often_ada_clicks(ada):
    assert [invite(row, ada) for row in rows() * 3] == [Fate.INVITE, Fate.INVITED, Fate.INVITED]
    dan = User.objects.get(email="dan@example.org")
    assert (dan.is_approved, dan.has_usable_password(), dan.language, dan.decided_by) == (True, False, "en", ada)
    assert proof.is_proven(dan)
    assert len(jobs()) == 1
    assert list(Entry.objects.filter(on_email=dan.email).values_list("action", "by_email")) == [
        ("person.invite", ada.email)
    ]
    assert [decision.what for decision in Decision.objects.filter(user=dan)] == ["INVITED"]


def test_a_list_that_was_cut_off_between_two_rows_goes_on_where_it_was(ada):
    two = rows(DAN + "\nerin@example.org,Erin")
    invite(two[0], ada)
    assert [invite(row, ada) for row in two] == [Fate.INVITED, Fate.INVITE]
    assert [job.args["user_id"] for job in jobs()] == list(
        Invitation.objects.order_by("pk").values_list("user", flat=True)
    )


def test_two_hundred_are_invited_without_a_limit_that_drops_letters_in_silence(ada):
    many = rows("\n".join(f"p{n}@example.org,P{n}" for n in range(200)))
    assert {invite(row, ada) for row in many} == {Fate.INVITE}
    assert len(jobs()) == 200


def test_a_preview_changes_nothing_and_says_what_happens_to_whom(ada, alice, carol):
    person("erin", Approval.SUSPENDED)
    person("finn", Approval.REJECTED)
    invite(rows("gil@example.org")[0], ada)
    before = (User.objects.count(), Entry.objects.count(), len(jobs()))
    names = ["alice", "carol", "dan", "erin", "finn", "gil"]
    planned = plan(rows("\n".join(f"{name}@example.org" for name in names) + "\nnonsense@"))
    assert [one.fate for one in planned] == [
        Fate.THERE, Fate.APPROVE, Fate.INVITE, Fate.SUSPENDED, Fate.REJECTED, Fate.INVITED, Fate.WRONG,
    ]  # fmt: skip
    assert (User.objects.count(), Entry.objects.count(), len(jobs())) == before
    assert [invite(one.row, ada) for one in planned] == [one.fate for one in planned]
    assert User.objects.get(pk=carol.pk).is_approved
    assert User.objects.get(email="erin@example.org").approval == Approval.SUSPENDED


def test_a_stranger_who_has_asked_in_carols_name_does_not_get_in_by_her_invitation(ada, carol, monkeypatch):
    monkeypatch.setattr(config(), "cloud", "aws")
    monkeypatch.setattr(config(), "email_verification", "mandatory")
    carol.set_password("the stranger knows it")
    carol.save()
    EmailAddress.objects.create(user=carol, email="stranger@elsewhere.org", verified=True)
    assert invite(rows("carol@example.org,Carol Kim")[0], ada) == Fate.CLAIM
    carol.refresh_from_db()
    assert (carol.is_approved, carol.has_usable_password(), carol.name) == (True, False, "Carol Kim")
    assert [address.email for address in EmailAddress.objects.filter(user=carol)] == ["carol@example.org"]
    assert len(jobs()) == 1


def test_who_is_waiting_with_a_proven_address_keeps_the_password(ada, carol, monkeypatch):
    monkeypatch.setattr(config(), "cloud", "aws")
    carol.set_password("her own password")
    carol.save()
    proof.mark(carol)
    assert invite(rows("carol@example.org")[0], ada) == Fate.APPROVE
    carol.refresh_from_db()
    assert carol.is_approved
    assert carol.check_password("her own password")
    assert jobs() == []


def test_bob_who_administrates_nothing_invites_nobody(alice):
    with pytest.raises(AccountError) as refused:
        invite(rows()[0], alice)
    assert refused.value.code == "not_admin"
    assert not User.objects.filter(email="dan@example.org").exists()


def test_the_letter_is_in_dans_language_with_a_link_that_works_until_he_has_used_it(ada, mailoutbox):
    invite(rows()[0], ada)
    dan = User.objects.get(email="dan@example.org")
    invitations.send(dan.pk)
    letter = mailoutbox[-1]
    assert letter.to == ["dan@example.org"]
    assert "You are invited to Ondol" in letter.subject
    assert f"{ada.name} ({ada.email}) invites you" in letter.body
    token = link(mailoutbox)
    assert read(token) == dan
    dan.set_password("the floor is warm")
    dan.save()
    with pytest.raises(AccountError) as used:
        read(token)
    assert used.value.code == "used"


def test_a_link_lapses_and_another_letter_makes_it_work_again(ada, mailoutbox, monkeypatch):
    monkeypatch.setattr(config(), "contact", "Jiwon <jiwon@example.org>")
    invite(rows()[0], ada)
    dan = User.objects.get(email="dan@example.org")
    invitations.send(dan.pk)
    with pytest.raises(AccountError) as refused:
        invite_again(dan.pk, ada)
    assert refused.value.code == "just_invited"
    past = datetime.now(UTC) - timedelta(days=DAYS, seconds=1)
    Invitation.objects.update(sent_at=past, until=past + timedelta(days=DAYS))
    with translation.override("en"), pytest.raises(AccountError) as refused:
        read(link(mailoutbox))
    assert refused.value.code == "lapsed"
    assert str(refused.value).endswith("Administrator: Jiwon, jiwon@example.org")
    invite_again(dan.pk, ada)
    assert read(link(mailoutbox)) == dan
    assert len(jobs()) == 2
    assert (
        Entry.objects.filter(action="person.invite", on_email=dan.email).order_by("pk").last().details["again"] is True
    )


def test_a_link_opens_nothing_for_who_is_suspended_has_another_address_or_made_it_up(ada, mailoutbox):
    invite(rows()[0], ada)
    dan = User.objects.get(email="dan@example.org")
    invitations.send(dan.pk)
    token = link(mailoutbox)
    people.suspend(dan.pk, ada)
    for wrong in (token, token[:-1] + ("A" if token[-1] != "A" else "B"), "x", ""):
        with pytest.raises(AccountError):
            read(wrong)
    User.objects.filter(pk=dan.pk).update(approval=Approval.APPROVED, email="daniel@example.org")
    with pytest.raises(AccountError):
        read(token)


def test_a_letter_that_comes_late_is_not_written(ada, mailoutbox):
    invite(rows()[0], ada)
    User.objects.filter(email="dan@example.org").update(last_login=datetime.now(UTC))
    invitations.send(User.objects.get(email="dan@example.org").pk)
    invitations.send(10**9)
    assert mailoutbox == []


def test_only_whoever_has_not_come_is_invited_again(ada, alice):
    for whom in (alice.pk, 10**9):
        with pytest.raises(AccountError) as refused:
            invite_again(whom, ada)
        assert refused.value.code == "not_invited"


def test_a_checked_row_stays_as_it_is():
    row = rows("김철수 <kim@radar.kr>,,연구소,국문")[0]
    assert checked(row) == row


def test_the_command_line_invites_too_and_first_says_what_would_happen(db, tmp_path, capsys):
    file = tmp_path / "people.csv"
    file.write_bytes("이메일;이름\r\ndan@example.org;김단\r\nnobody;X\r\n".encode("cp949"))
    main(["user", "invite", str(file), "--dry-run"])
    assert not User.objects.exists()
    main(["user", "invite", str(file)])
    assert User.objects.get().name == "김단"
    assert main(["user", "invite", str(file)]) == 1
    told = capsys.readouterr().out.splitlines()
    assert [line for line in told if "dan@" in line] == [
        f"2: dan@example.org: {fate}" for fate in ("invite", "invite", "invited")
    ]
    assert sum("nobody: This is not an e-mail address." in line for line in told) == 3
    assert [line for line in told if "wrong: " in line] == ["invite: 1, wrong: 1"] * 2 + ["invited: 1, wrong: 1"]
    file.write_text("dan@example.org")
    assert main(["user", "invite", str(file)]) == 0


def test_the_command_line_chooses_a_language_and_says_what_it_has_not_read(db, tmp_path, capsys):
    file = tmp_path / "people.csv"
    file.write_text("email,name,language,phone\ndan@example.org,Dan,,010-1\nerin@example.org,Erin,ko,\n")
    assert main(["user", "invite", str(file), "--language", "en"]) == 0
    told = {user.email: (user.language, user.invitation.language_is_chosen) for user in User.objects.all()}
    assert told == {"dan@example.org": ("en", True), "erin@example.org": ("ko", True)}
    assert "2: dan@example.org: invite (not read: phone: 010-1)" in capsys.readouterr().out


@pytest.fixture
def dan_is_faster(monkeypatch):
    """Let Dan sign up between the look at his row and its invitation."""
    real = invitations.plan

    def plan_then(found):
        planned = real(found)
        if not User.objects.filter(email="dan@example.org").exists():
            person("dan")
        return planned

    monkeypatch.setattr(invitations, "plan", plan_then)


def test_whoever_signs_up_at_the_same_moment_keeps_their_account(ada, dan_is_faster):
    with (
        translation.override("en"),
        pytest.raises(AccountError, match=r"An account with dan@example\.org already exists") as refused,
    ):
        invite(rows()[0], ada)
    assert refused.value.code == "address_taken"
    assert not Invitation.objects.exists()


def test_addresses_that_may_be_taken_back_are_asked_for_once(ada, alice, django_assert_num_queries):
    for old, at in (("Erin@example.org", datetime.now(UTC)), ("finn@example.org", datetime.now(UTC) - timedelta(8))):
        AddressChange.objects.create(user=alice, old=old, new=alice.email, made_at=at)
    many = rows("\n".join(f"{name}@example.org" for name in ("dan", "erin", "finn", "gil")))
    with django_assert_num_queries(2):
        assert [one.fate for one in plan(many)] == [Fate.INVITE, Fate.TAKEN, Fate.INVITE, Fate.INVITE]
