"""Whoever starts the trial in a Korean shell reads in Korean, too, where it is and how to sign in."""

import pytest

from ondol.host import shell_language
from ondol.host.shell_language import READY, SIGN_IN, SIGN_IN_BY_PROVIDER, SIGN_IN_CHOSEN, in_shells_languages

URL = {"url": "http://127.0.0.1:8000"}
ENGLISH, KOREAN = "Ondol is ready: http://127.0.0.1:8000", "온돌이 준비되었습니다: http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("environ", "is_korean"),
    [
        ({"LANG": "ko_KR.UTF-8"}, True), ({"LANG": "ko_KR.utf8"}, True), ({"LANG": "ko"}, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "ko_KR.UTF-8"}, True),
        ({"LANG": "ko_KR.UTF-8", "LC_MESSAGES": "C.UTF-8"}, False),
        ({"LANG": "ko_KR.eucKR"}, False),  # which cannot show what we write
        ({"LANG": "kok_IN.UTF-8"}, False), ({"LANG": "C"}, False), ({"LANG": ""}, False), ({}, False),
    ],
)  # fmt: skip
def test_korean_is_below_the_english_in_a_korean_shell(environ, is_korean):
    assert in_shells_languages(READY, URL, environ) == [ENGLISH, *([KOREAN] if is_korean else [])]


def test_how_to_sign_in_is_told_in_korean_with_the_same_values():
    words = {"email": "admin@example.org", "password": "50%s", "file": "/tmp/집/admin.txt", "provider": "KIGAM"}
    for text in (SIGN_IN, SIGN_IN_CHOSEN, SIGN_IN_BY_PROVIDER):
        english, korean = in_shells_languages(text, words, {"LANG": "ko_KR.UTF-8"})
        assert english.startswith("Sign in ")
        assert korean.startswith("로그인: ")
        assert all((value in english) == (value in korean) for value in words.values())


def test_without_a_catalogue_there_is_the_english_alone(monkeypatch, tmp_path):
    monkeypatch.setattr(shell_language, "_LOCALE", tmp_path)
    assert in_shells_languages(READY, URL, {"LANG": "ko_KR.UTF-8"}) == [ENGLISH]
