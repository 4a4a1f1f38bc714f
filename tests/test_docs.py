"""What the documents say of themselves and of `ondol` is true: links lead somewhere, and each command is named."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("localcloud/*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
NOT_FOR_PEOPLE = {"manage"}
"""Django's own commands, for whoever knows them."""
SECURITY = ROOT / "docs/security.md"
ASVS = """
1.1.1–1.1.2, 1.2.1–1.2.9, 1.3.1–1.3.11, 1.4.1–1.4.3, 1.5.1–1.5.2, 2.1.1–2.1.3, 2.2.1–2.2.3, 2.3.1–2.3.4, 2.4.1,
3.2.1–3.2.2, 3.3.1–3.3.4, 3.4.1–3.4.6, 3.5.1–3.5.5, 3.7.1–3.7.2, 4.1.1–4.1.3, 4.2.1, 4.3.1–4.3.2, 4.4.1–4.4.4,
5.1.1, 5.2.1–5.2.3, 5.3.1–5.3.2, 5.4.1–5.4.3, 6.1.1–6.1.3, 6.2.1–6.2.12, 6.3.1–6.3.4, 6.4.1–6.4.4, 6.5.1–6.5.5,
6.6.1–6.6.3, 6.8.1–6.8.4, 7.1.1–7.1.3, 7.2.1–7.2.4, 7.3.1–7.3.2, 7.4.1–7.4.5, 7.5.1–7.5.2, 7.6.1–7.6.2,
8.1.1–8.1.2, 8.2.1–8.2.3, 8.3.1, 8.4.1, 9.1.1–9.1.3, 9.2.1–9.2.4, 10.1.1–10.1.2, 10.2.1–10.2.2, 10.3.1–10.3.4,
10.4.1–10.4.11, 10.5.1–10.5.5, 10.6.1–10.6.2, 10.7.1–10.7.3, 11.1.1–11.1.2, 11.2.1–11.2.3, 11.3.1–11.3.3,
11.4.1–11.4.4, 11.5.1, 11.6.1, 12.1.1–12.1.3, 12.2.1–12.2.2, 12.3.1–12.3.4, 13.1.1, 13.2.1–13.2.5,
13.3.1–13.3.2, 13.4.1–13.4.5, 14.1.1–14.1.2, 14.2.1–14.2.4, 14.3.1–14.3.3, 15.1.1–15.1.3, 15.2.1–15.2.3,
15.3.1–15.3.7, 16.1.1, 16.2.1–16.2.5, 16.3.1–16.3.4, 16.4.1–16.4.3, 16.5.1–16.5.3, 17.1.1, 17.2.1–17.2.4,
17.3.1–17.3.2
"""
"""All requirements of levels 1 and 2 in OWASP ASVS 5.0.0."""


@cache
def anchors(document):
    """Return the anchors that GitHub gives the headings of a document."""
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def wrong_links(document):
    for target in LINK.findall(document.read_text()):
        file, _, anchor = target.partition("#")
        if "://" in target:
            continue
        aim = (document.parent / file).resolve() if file else document
        if not aim.exists() or (anchor and anchor not in anchors(aim)):
            yield target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_every_link_leads_somewhere(document):
    assert not list(wrong_links(document))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(ROOT)))
def test_no_heading_and_no_row_of_a_table_stands_twice(document):
    """A merge keeps both versions of a passage, and says nothing."""
    lines = document.read_text().splitlines()
    heads = [line for line in lines if re.match(r"#{1,2} ", line)] if document.name != "CHANGELOG.md" else []
    rows = [line.split("|")[1] for line in lines if line.startswith("| `ondol")]
    assert (len(heads), len(rows)) == (len(set(heads)), len(set(rows)))


@pytest.mark.parametrize("name", ["README.md", "README.ko.md"])
def test_the_readme_names_every_command(name):
    commands = {file.stem for file in ROOT.glob("ondol/commands/[a-z]*.py")} - NOT_FOR_PEOPLE
    assert commands - set(re.findall(r"`ondol (\w+)", (ROOT / name).read_text())) == set()


def requirements(text):
    """Yield each requirement of a list such as `1.2.1, 1.2.3–1.2.5`."""
    for first, last in re.findall(r"(\d+\.\d+\.\d+)(?:–(\d+\.\d+\.\d+))?", text):
        section, _, number = first.rpartition(".")
        for each in range(int(number), int((last or first).rpartition(".")[2]) + 1):
            yield f"{section}.{each}"


def test_each_test_that_the_page_about_security_names_is_there():
    named = re.findall(r"`((?:localcloud/)?tests/[\w/]+\.py)::(\w+)`", SECURITY.read_text())
    assert len(named) > 100
    gone = [f"{file}::{name}" for file, name in named if not re.search(rf"^def {name}\(", _source(file), re.MULTILINE)]
    assert not gone
    assert len(named) == SECURITY.read_text().count("::")


@cache
def _source(file):
    return (ROOT / file).read_text() if (ROOT / file).exists() else ""


def test_each_requirement_of_asvs_stands_once_with_whether_it_is_met():
    rows = re.findall(r"^\| (\d+\.\d+\.\d+.*?) \| (.*?) \| (.*?) \| (.*?) ?\|$", SECURITY.read_text(), re.MULTILINE)
    listed = [one for row in rows for one in requirements(row[0])]
    known = list(requirements(ASVS))
    assert len(known) == 253
    assert sorted(listed) == sorted(known)
    assert {row[1] for row in rows} == {"yes", "partly", "no", "–"}
    assert all(row[2] for row in rows)
