"""Templates are indented for whoever reads them, and pages are not."""

import re
from pathlib import Path

import ondol.web


def test_indentation_stays_at_home(bob, browser_of):
    assert "\n  " in (Path(ondol.web.__file__).parent / "templates/base.html").read_text()
    assert not re.search(r"\n[ \t]+<", browser_of(bob).get("/").text)


def test_no_line_inside_of_preformatted_text_is_indented():
    """It would be cut there, too, and is meant."""
    for path in Path(ondol.web.__file__).parent.rglob("*.html"):
        for inside in re.findall(r"<(?:pre|textarea)[^>]*>(.*?)</(?:pre|textarea)>", path.read_text(), re.DOTALL):
            assert not re.search(r"\n\s", inside), path
