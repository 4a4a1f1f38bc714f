"""The static files for browsers: two stylesheets, each joined from several files, and scripts, all without comments.

They are made when static files are collected.
"""

import re
from collections.abc import Iterator
from typing import Any

import rjsmin
from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

FOLDER = "ondol"
WHOLE = ("ondol.css", "administration.css")
"""The stylesheets that pages load. Each is a list of imports, and would work as such, one request for each."""
_IMPORT = re.compile(r'@import "(?P<name>[\w-]+\.css)" layer\((?P<layer>\w+)\);')

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_BREAK = re.compile(r"(?P<before>[{};,]?)\s*\n\s*")


def joined(whole: str, parts: dict[str, str]) -> str:
    """Return the stylesheet with each import replaced by its content; KeyError for a missing part."""
    return _IMPORT.sub(lambda found: f"@layer {found['layer']} {{\n{parts[found['name']]}}}\n", whole)


def minified(name: str, text: str) -> str:
    """Return a stylesheet or script without comments and indentation.

    A stylesheet keeps its other spaces. Minifiers that know only old CSS remove spaces that matter: within a layer,
    `.table :is(td)` would become `.table:is(td)`.
    """
    if name.endswith(".js"):
        return str(rjsmin.jsmin(text))
    return _BREAK.sub(lambda found: found["before"] or " ", _COMMENT.sub("", text)).strip()


class Storage(CompressedManifestStaticFilesStorage):
    """WhiteNoise's files, each with a hash of its content in its name, and one stylesheet in place of many."""

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        """Join the stylesheets and minify what is ours before files get their hashes; Django's hook."""
        names = [name for name in paths if name.startswith(f"{FOLDER}/") and name.endswith((".css", ".js"))]
        if names and not dry_run:
            texts = {name.removeprefix(f"{FOLDER}/"): self.open(name).read().decode() for name in names}
            for name in names:
                self.delete(name)
                if name.endswith(".css"):
                    del paths[name]
            scripts = {name: text for name, text in texts.items() if name.endswith(".js")}
            for name, text in (scripts | {name: joined(texts[name], texts) for name in WHOLE}).items():
                self.save(f"{FOLDER}/{name}", ContentFile(minified(name, text)))
                paths[f"{FOLDER}/{name}"] = (self, f"{FOLDER}/{name}")
        yield from super().post_process(paths, dry_run, **options)  # type: ignore[no-untyped-call]
