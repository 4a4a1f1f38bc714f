"""Texts that look the same are the same, or are refused with the name of what makes them differ."""

import unicodedata

import pytest
from django.contrib.auth.hashers import ScryptPasswordHasher, check_password
from django.core.exceptions import ValidationError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.test import override_settings

from ondol import settings as of_ondol
from ondol.accounts.models import User, validate_prose, validate_shown
from ondol.accounts.passwords import OurWordsValidator
from ondol.accounts.people import AccountError, add_user, listed
from ondol.accounts.text import clean, clean_address, clean_line, find_address

HIDDEN = {
    "zero-width space": "\u200b", "byte-order mark": "\ufeff", "soft hyphen": "\u00ad", "word joiner": "\u2060",
    "right-to-left override": "\u202e", "left-to-right isolate": "\u2066", "pop isolate": "\u2069",
    "right-to-left mark": "\u200f", "Arabic letter mark": "\u061c", "zero-width joiner": "\u200d",
    "Hangul filler": "\u3164", "half-width Hangul filler": "\uffa0", "Hangul choseong filler": "\u115f",
    "grapheme joiner": "\u034f", "invisible times": "\u2062", "braille blank": "\u2800", "tag": "\U000e0061",
    "variation selector": "\ufe0f", "Mongolian vowel separator": "\u180e", "deprecated shaping": "\u206b",
}  # fmt: skip
DROPPED = {"zero-width space", "byte-order mark", "soft hyphen", "word joiner"}
JOINS = {"zero-width joiner", "variation selector"}


@pytest.mark.parametrize("where", ["al{}ice@example.org", "alice@exa{}mple.org", "{}alice@example.org"])
@pytest.mark.parametrize("letter", HIDDEN.values(), ids=HIDDEN)
def test_an_address_with_something_hidden_is_refused_by_its_name(where, letter):
    with pytest.raises(ValidationError) as error:
        clean_address(where.format(letter))
    assert f"U+{ord(letter):04X} {unicodedata.name(letter)}" in error.value.messages[0]
    assert find_address(where.format(letter)) == "alice@example.org", "who is known is found"


SAME = {
    "capital letters": "Alice@Example.Org",
    "full width": "ａｌｉｃｅ＠ｅｘａｍｐｌｅ．ｏｒｇ",
    "some of full width": "alice＠example.org",
    "the full stop of Chinese": "alice@example。org",
    "blanks around": " \t alice@example.org\u3000",
    "a script l": "a\u2113ice@example.org",
    "a roman numeral": "al\u2170ce@examp\u2113e.org",
    "bold letters of mathematics": "𝐚𝐥𝐢𝐜𝐞@example.org",
    "letters in circles": "ⓐⓛⓘⓒⓔ@example.org",
}


@pytest.mark.parametrize("typed", SAME.values(), ids=SAME)
def test_alices_address_is_one_however_it_is_typed(typed):
    assert clean_address(typed) == find_address(typed) == "alice@example.org"


@pytest.mark.parametrize(
    "typed",
    [
        "kim@온돌.kr",
        "kim@xn--pq1b416a.kr",
        "KIM@XN--PQ1B416A.KR",
        f"kim@{unicodedata.normalize('NFD', '온돌')}.kr",
        "kim@온돌。kr",
    ],
)
def test_a_domain_in_hangul_is_one_in_every_form(typed):
    assert "온돌".encode("idna") == b"xn--pq1b416a"
    assert clean_address(typed) == "kim@온돌.kr"


@pytest.mark.parametrize("domain", ["exаmple.org", "еxample.org", "gοogle.com", "micrоsoft.com", "Αpple.com"])
def test_a_domain_of_two_scripts_that_look_alike_is_refused(domain):
    with pytest.raises(ValidationError) as error:
        clean_address(f"bob@{domain}")
    assert error.value.code == "two_scripts"


@pytest.mark.parametrize("domain", ["пример.рф", "παράδειγμα.gr", "온돌lab.kr", "日本語abc.jp", "münchen.de"])
def test_other_domains_are_good(domain):
    assert clean_address(f"bob@{domain}") == f"bob@{domain}"


@pytest.mark.parametrize(("name", "letter"), HIDDEN.items(), ids=HIDDEN)
def test_names_and_reasons_show_all_that_is_in_them(name, letter):
    kept = clean_line(f"김{letter}민준")
    if name in DROPPED:
        assert kept == "김민준"
        return
    if name in JOINS:
        validate_shown(kept)
        validate_prose(clean(f"see 👩{letter}🔬"))
        return
    with pytest.raises(ValidationError, match=f"U\\+{ord(letter):04X}"):
        validate_shown(kept)
    with pytest.raises(ValidationError, match=f"U\\+{ord(letter):04X}"):
        validate_prose(clean(f"please{letter} wait"))


@pytest.mark.parametrize("blank", ["\u00a0", "\u3000", "\u2003", "\u202f", "\u1680", "\u2009", "\u205f", " "])
def test_a_blank_of_any_width_is_one_space_in_a_name(blank):
    name = clean_line(f"{blank}Kim{blank}Min{blank}")
    assert name == "Kim Min"
    validate_shown(name)


@pytest.mark.parametrize("text", ["㈜온돌", "½ year", "日本", "José", "Владимир", "10 ㎡", "Ａ팀", "محمد"])
def test_what_was_meant_is_kept(text):
    assert clean(unicodedata.normalize("NFD", text)) == clean(text) == text
    validate_prose(text)


TYPED = {
    "Hangul": "겨울에는 따뜻한 아랫목",
    "accents": "un café très chaud",
    "Vietnamese": "Tiếng Việt ấm áp",
    "digits of full width": "１２３４５６７８９０ab",
    "a wide blank": "warm\u3000floor\u3000cat",
    "a ligature": "the ﬁrst warm ﬂoor",
    "half-width katakana": "ﾃﾞﾝｷﾞﾖｳ no heya",
    "an angstrom sign": "10 Å are not warm",
    "roman numerals": "room Ⅳ is warmest",
}


@pytest.fixture
def scrypt(monkeypatch):
    """Hash passwords as outside tests, but in a moment."""
    monkeypatch.setattr(ScryptPasswordHasher, "work_factor", 16)
    with override_settings(PASSWORD_HASHERS=of_ondol.PASSWORD_HASHERS):
        yield


@pytest.mark.usefixtures("scrypt")
@pytest.mark.parametrize("password", TYPED.values(), ids=TYPED)
def test_a_password_is_right_from_every_keyboard(password):
    user = User()
    for chosen in ("NFC", "NFD"):
        user.set_password(unicodedata.normalize(chosen, password))
        for typed in ("NFC", "NFD", "NFKC", "NFKD"):
            assert user.check_password(unicodedata.normalize(typed, password))
        assert not user.check_password(password + "!")


@pytest.mark.usefixtures("scrypt")
@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("password", TYPED.values(), ids=TYPED)
def test_passwords_of_before_are_right_as_they_were_typed(password, form):
    chosen = unicodedata.normalize(form, password)
    before = ScryptPasswordHasher().encode(chosen, "0123456789abcdefghijkl")
    assert check_password(chosen, before)
    for typed in ("NFC", "NFD"):
        assert check_password(unicodedata.normalize(typed, password), before)
    assert not check_password("another password", before)


@pytest.mark.django_db
@pytest.mark.parametrize("letter", [letter for name, letter in HIDDEN.items() if name not in JOINS])
def test_nobody_chooses_a_password_that_cannot_be_typed_again(letter):
    with pytest.raises(AccountError, match=f"U\\+{ord(letter):04X}"):
        add_user("bob@example.org", password=f"a warm{letter} floor")


@pytest.mark.django_db
def test_four_syllables_in_pieces_are_no_long_password():
    with pytest.raises(AccountError, match="10"):
        add_user("bob@example.org", password=unicodedata.normalize("NFD", "온돌마루"))


@pytest.mark.django_db
@pytest.mark.parametrize("typed", SAME.values(), ids=SAME)
def test_alice_is_there_already_however_she_is_typed(typed):
    add_user("alice@example.org")
    with pytest.raises(AccountError) as error:
        add_user(typed, "Alice")
    assert error.value.code == "address_taken"


@pytest.mark.django_db
def test_a_name_in_pieces_is_found():
    add_user("bob@example.org", unicodedata.normalize("NFD", "김민준"))
    for typed in ("김민", unicodedata.normalize("NFD", "김민"), "김\u200b민준", "\ufeff김민준 "):
        assert listed(typed).count() == 1


@pytest.mark.django_db
def test_addresses_of_before_are_cleaned_unless_somebody_else_has_them():
    kept = {
        "bob@exam\u200bple.org": "bob@example.org", "eve@\ufeffexample.org": "eve@example.org",
        "kim@xn--pq1b416a.kr": "kim@온돌.kr", "ann@example.org": "ann@example.org",
        "ann@exam\u00adple.org": "ann@exam\u00adple.org",
    }  # fmt: skip
    ids = {User.objects.create(email=email, name="x", password="!").pk: seen for email, seen in kept.items()}
    module = MigrationExecutor(connection).loader.get_migration("accounts", "0006_addresses_as_seen")
    state = MigrationExecutor(connection).loader.project_state(("accounts", "0006_addresses_as_seen"))
    module.operations[0].code(state.apps, None)
    assert {pk: User.objects.get(pk=pk).email for pk in ids} == ids


OURS = (
    "ondol12345",
    "OnDol-Ondol!",
    "온돌온돌온돌온돌온돌",
    "ubuntu2027",
    "my-server-77",
    "password-99",
    "비밀번호123!!!",
    "ｏｎｄｏｌ２０２７",
)
NOT_OURS = ("a warm ondol floor", "server of seven pines", "온돌방에서 귤을 까먹는다", "nothing of ours")


def test_a_password_is_not_made_of_words_of_this_site():
    for password in OURS:
        with pytest.raises(ValidationError):
            OurWordsValidator().validate(password)
    for password in NOT_OURS:
        OurWordsValidator().validate(password)
