"""Every finding has its sentence, in both languages; every sentence has its finding."""

import ast
import re
from pathlib import Path

import pytest
from django.utils import translation

from ondol.doctor import messages
from ondol.doctor.findings import Finding, Level

FOLDER = Path(messages.__file__).parent
MAKERS = {level.value for level in Level}


def told():
    """Return check, code and parameters of each finding that the code can make."""
    files = [*FOLDER.glob("*.py"), FOLDER.parent / "commands" / "doctor.py"]
    for tree in (ast.parse(file.read_text()) for file in files):
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id in MAKERS and len(call.args) == 2:
                yield from _codes(call)


def _codes(call):
    check, code = call.args
    names = {keyword.arg for keyword in call.keywords}
    for one in _either(code):
        if isinstance(check, ast.Constant) and isinstance(one, ast.Constant):
            yield check.value, one.value, names


def _either(code):
    return [*_either(code.body), *_either(code.orelse)] if isinstance(code, ast.IfExp) else [code]


def test_every_finding_has_its_sentence():
    found = list(told())
    assert len(found) > 40
    assert {check for check, _, _ in found} <= set(messages.CHECKS)
    assert {(check, code) for check, code, _ in found if code not in messages.ANY} - set(messages.SAYS) == set()


def test_every_sentence_belongs_to_a_finding():
    said = {(check, code) for check, code, _ in told()}
    chosen_by_rule = {
        *(("credentials", code) for code in ("missing", "stale", "refused")),
        *(("settings", code) for code in ("amazon", "trial")),
        ("database", "no_database"),
    }
    assert set(messages.SAYS) - said - chosen_by_rule == set()


@pytest.mark.parametrize("language", ["ko", "en"])
def test_no_sentence_asks_for_what_its_finding_does_not_tell(language):
    with translation.override(language):
        for check, code, names in told():
            wanted = set(re.findall(r"%\((\w+)\)", str(messages.SAYS.get((check, code)) or messages.ANY[code])))
            assert None in names or wanted <= names, (check, code)


def test_a_finding_of_a_later_version_is_shown_as_it_is():
    finding = Finding("moon", Level.FAILED, "eclipsed", {})
    assert (messages.name(finding), messages.sentence(finding)) == ("moon", "eclipsed")


def test_a_finding_is_stored_and_read_back():
    finding = Finding("subnet", Level.WARNING, "nearly_full", {"subnet": "subnet-1", "free": "3"})
    assert Finding.from_json(finding.to_json()) == finding


@pytest.mark.parametrize("language", ["ko", "en"])
def test_who_has_lost_a_vault_key_is_told_a_command_that_is_not_refused(language):
    """`ondol keys accept` refuses without `--lost` as long as a private key does not open."""
    with translation.override(language):
        assert "`ondol keys accept --lost`" in str(messages.SAYS["keys", "other_vault"])
