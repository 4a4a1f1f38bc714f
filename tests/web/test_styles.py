"""One stylesheet for every page and one more for administrators, joined from their parts."""

import importlib.util
import re
import subprocess
import urllib.request
from importlib.machinery import SourceFileLoader
from pathlib import Path

import pytest

from ondol.web.styles import WHOLE, joined, minified

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "ondol" / "web" / "static" / "ondol"


@pytest.fixture
def script():
    """Return what `scripts/styles` is made of."""
    loader = SourceFileLoader("styles", str(ROOT / "scripts" / "styles"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("styles", loader))
    loader.exec_module(module)
    return module


def test_an_import_becomes_a_layer_of_its_text():
    assert joined('@layer a;\n@import "b.css" layer(a);\n', {"b.css": "p { color: red }\n"}) == (
        "@layer a;\n@layer a {\np { color: red }\n}\n\n"
    )


def test_a_part_that_is_not_there_ends_the_collection():
    with pytest.raises(KeyError):
        joined('@import "none.css" layer(a);', {})


def test_every_part_is_imported_once():
    texts = "".join((SOURCES / name).read_text() for name in WHOLE)
    imported = re.findall(r'@import "([\w-]+\.css)" layer\((?:base|parts|pages)\);', texts)
    assert sorted(imported) == sorted(path.name for path in SOURCES.glob("*.css") if path.name not in WHOLE)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/accounts/login/", "/nowhere"])
def test_a_page_loads_one_stylesheet_named_by_its_content_and_compressed(site, client, path):
    (sheet,) = re.findall(r'<link rel="stylesheet" href="([^"]+)"', client.get(path).text)
    assert re.fullmatch(r"/static/ondol/ondol\.[0-9a-f]{12}\.css", sheet)
    for packed in ("gzip", "br"):
        asked = urllib.request.Request(f"{site}{sheet}", headers={"Accept-Encoding": packed})
        with urllib.request.urlopen(asked) as answer:
            assert answer.headers["Content-Encoding"] == packed
            assert "immutable" in answer.headers["Cache-Control"]
    with urllib.request.urlopen(f"{site}{sheet}") as answer:
        whole = answer.read().decode()
    assert "@import" not in whole
    assert "/*" not in whole
    assert whole.count(":root") == 1
    assert ".card" in whole


@pytest.mark.parametrize(
    ("name", "text", "short"),
    [
        ("a.css", "/* why */\n@layer base {\n  .a :is(td, th),\n  .b {\n    & > b { color: red }\n  }\n}\n",
         "@layer base {.a :is(td, th),.b {& > b { color: red }}}"),
        ("a.css", "p {\n  inset: calc(\n    1px +\n    2%\n  );\n}", "p {inset: calc( 1px + 2% );}"),
        ("a.js", "// why\nlet a = `two  // spaces`\nlet b = /[/] {2}/", "let a=`two  // spaces`\nlet b=/[/] {2}/"),
    ],
)  # fmt: skip
def test_what_browsers_load_has_neither_comments_nor_indentation_and_means_the_same(name, text, short):
    assert minified(name, text) == short


def test_classes_are_found_where_templates_scripts_and_forms_name_them(script):
    found = set(script.names())
    assert {"badge-*", "note-*", "copy", "visually-hidden"} <= found
    assert "anything-else" not in found


def test_a_class_that_nothing_uses_is_told(script):
    css = "/* .no */ .a, .b:not(.c) > p { x: .5s } @media (width > 1px) { .d { y: url(e.f) } }"
    assert script.declared(css) == set("abcd")
    done = subprocess.run([ROOT / "scripts" / "styles"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "")
