"""The contact: what the setting may hold."""

import pytest

from ondol.contact import Contact, read_contact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("help@example.org", Contact("help@example.org", "mailto:help@example.org")),
        ("김지원 <jiwon@example.org>", Contact("김지원", "mailto:jiwon@example.org")),
        ("Help desk <https://help.example.org/ondol>", Contact("Help desk", "https://help.example.org/ondol")),
        ("a?cc=b@example.org", Contact("a?cc=b@example.org", "mailto:a%3Fcc%3Db@example.org")),
    ],
)
def test_it_is_an_address_or_a_page_perhaps_with_a_name(text, shown):
    assert read_contact(text) == shown


@pytest.mark.parametrize(
    "text", ["Jiwon", "javascript:alert(1)", "https://", "a@b\nc@d", "Jiwon <>", "x <javascript:alert(1)>"]
)
def test_what_nobody_could_follow_is_refused(text):
    with pytest.raises(ValueError, match="use an e-mail address"):
        read_contact(text)
