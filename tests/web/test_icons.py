"""Icons are of one family: the same grid and stroke, in the colour of the text, and never a letter of a font."""

import re
from pathlib import Path

import pytest

import ondol.web

WEB = Path(ondol.web.__file__).parent
ICONS = sorted(path for path in (WEB / "templates" / "icons").glob("*.svg") if path.stem != "logo")
DRAWN = re.compile(r"[←-⇿■-◿☀-➿⬀-⯿\U0001F300-\U0001FAFF]")
"""Arrows, triangles, ticks and emoji."""


@pytest.mark.parametrize("path", ICONS, ids=lambda path: path.stem)
def test_an_icon_is_drawn_like_the_others(path):
    icon = path.read_text()
    assert re.match(r'<svg class="icon( icon-[a-z]+)?" viewBox="0 0 20 20" aria-hidden="true" focusable="false">', icon)
    assert not re.search(r"\b(fill|stroke|style|width|height)=", re.sub(r"<rect[^>]*>", "", icon))


def test_no_template_and_no_style_draws_with_letters():
    files = [*(WEB / "templates").rglob("*.html"), *(WEB / "static" / "ondol").glob("*.css")]
    assert len(files) > 100
    found = {path.name: DRAWN.findall(path.read_text("utf-8")) for path in files}
    assert {name: signs for name, signs in found.items() if signs} == {}


def test_no_disclosure_shows_the_browsers_own_triangle():
    """Each `details` has a class whose style hides it."""
    bare = [
        path.name for path in (WEB / "templates").rglob("*.html") if re.search(r"<details(?! class=)", path.read_text())
    ]
    assert bare == []
    styles = "".join(path.read_text() for path in (WEB / "static" / "ondol").glob("*.css"))
    for name in {name for path in (WEB / "templates").rglob("*.html") for name in CLASSES.findall(path.read_text())}:
        assert re.search(rf"\.{name} > summary::-webkit-details-marker", styles), name


CLASSES = re.compile(r'<details class="(?:size |chart-table )?([a-z]+)')
