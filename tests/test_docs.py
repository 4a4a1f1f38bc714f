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
