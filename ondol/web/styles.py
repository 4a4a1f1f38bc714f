"""What browsers load of ours: one stylesheet, which is written as several files, and scripts, all without comments.

It is made when static files are collected.
"""

import re
from collections.abc import Iterator
from typing import Any

import rjsmin
from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

WHOLE = "ondol/ondol.css"
"""The stylesheet that pages load. It is a list of imports, and would work as such, one request for each."""
_IMPORT = re.compile(r'@import "(?P<name>[\w-]+\.css)" layer\((?P<layer>\w+)\);')

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_BREAK = re.compile(r"(?P<before>[{};,]?)\s*\n\s*")


def joined(whole: str, parts: dict[str, str]) -> str:
    """Return the stylesheet with each import replaced by what it imports; KeyError for a part that is not there."""
    return _IMPORT.sub(lambda found: f"@layer {found['layer']} {{\n{parts[found['name']]}}}\n", whole)


def minified(name: str, text: str) -> str:
    """Return a stylesheet or script without comments and indentation.

    A stylesheet keeps its other spaces. Those that know only old CSS take them out where they count: within a layer,
    `.table :is(td)` would become `.table:is(td)`.
    """
    if name.endswith(".js"):
        return str(rjsmin.jsmin(text))
    return _BREAK.sub(lambda found: found["before"] or " ", _COMMENT.sub("", text)).strip()


class Storage(CompressedManifestStaticFilesStorage):
    """WhiteNoise's files, each with a hash of its content in its name, and one stylesheet in place of many."""

    def post_process(self, paths: dict[str, Any], dry_run: bool = False, **options: Any) -> Iterator[Any]:
        """Join the stylesheet and minify what is ours before files get their hashes; Django's hook."""
        if WHOLE in paths and not dry_run:
            folder, _, own = WHOLE.rpartition("/")
            names = [name for name in paths if name.startswith(f"{folder}/") and name.endswith((".css", ".js"))]
            texts = {name.removeprefix(f"{folder}/"): self.open(name).read().decode() for name in names}
            for name in names:
                self.delete(name)
                if name.endswith(".css") and name != WHOLE:
                    del paths[name]
            scripts = {name: text for name, text in texts.items() if name.endswith(".js")}
            for name, text in (scripts | {own: joined(texts[own], texts)}).items():
                self.save(f"{folder}/{name}", ContentFile(minified(name, text)))
                paths[f"{folder}/{name}"] = (self, f"{folder}/{name}")
        yield from super().post_process(paths, dry_run, **options)  # type: ignore[no-untyped-call]
