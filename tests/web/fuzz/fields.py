"""Every field that somebody can fill in: found in the forms of all pages, in OpenAPI, in routes and in headers.

A new form, page or operation is found by itself.
"""

import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from tests.web.routes import Route

BODY = "<body>"
METHOD = "<method>"
EVERY = "<every field>"
HEADERS = [
    "Host",
    "X-Forwarded-Host",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "Forwarded",
    "Origin",
    "Referer",
    "Cookie",
    "Authorization",
    "Accept",
    "Accept-Language",
    "Accept-Encoding",
    "Content-Type",
    "User-Agent",
    "Range",
    "If-None-Match",
    "If-Modified-Since",
    "X-Request-Id",
    "X-HTTP-Method-Override",
    "X-CSRFToken",
    "HX-Request",
    "HX-Current-URL",
    "HX-Target",
    "HX-Boosted",
]


class Field(NamedTuple):
    """One place for a payload, and the rest of its request."""

    kind: str
    """form, query, json, path, header, body or method."""
    method: str
    path: str
    name: str
    others: tuple[tuple[str, Any], ...] = ()
    """What is sent in the other fields."""

    @property
    def is_api(self) -> bool:
        return self.path.startswith("/api/")

    @property
    def label(self) -> str:
        return f"{self.method} {self.path} {self.kind} {self.name}"


class Forms(HTMLParser):
    """The forms of one page, and the names in the queries of its links."""

    def __init__(self, page: str, text: str) -> None:
        super().__init__()
        self.page, self.found = page, dict[tuple[str, str], dict[str, str]]()
        self._form: dict[str, str] = {}
        self._by_id = dict[str, dict[str, str]]()
        self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note forms, their controls, links, and what htmx sends."""
        has = {name: value or "" for name, value in attrs}
        if tag == "form" and has.get("method") != "dialog":
            self._form = self._at(has.get("method", "get"), has.get("action", ""))
            self._by_id[has.get("id", "")] = self._form
        elif tag in {"input", "textarea", "select", "button"} and ("name" in has or "formaction" in has):
            self._control(tag, has)
        elif tag == "option" and self._select:
            if "selected" in has or not self._form.get(self._select):
                self._form[self._select] = has.get("value", "")
        elif tag == "a" and "?" in has.get("href", ""):
            self._at("get", has["href"]).update(parse_qsl(urlsplit(has["href"]).query))
        for verb in ("get", "post", "delete", "put", "patch"):
            if f"hx-{verb}" in has:
                self._at(verb, has[f"hx-{verb}"])

    def handle_endtag(self, tag: str) -> None:
        """Note where a form or a choice ends."""
        if tag == "form":
            self._form = {}
        elif tag == "select":
            self._select = ""

    def _at(self, method: str, action: str) -> dict[str, str]:
        path = urlsplit(action).path or self.page
        return self.found.setdefault((method.upper(), path), {})

    def _control(self, tag: str, has: dict[str, str]) -> None:
        self._select = has.get("name", "") if tag == "select" else ""
        form = self._by_id.get(has["form"], {}) if "form" in has else self._form
        if "formaction" in has:
            self.found.setdefault(("POST", urlsplit(has["formaction"]).path), form)
        value = _TYPED.get(has.get("type", ""), "") or has.get("value", "")
        if not value and "required" in has:
            value = "12" if has.get("inputmode") == "numeric" else "InSAR"
        if has.get("name", "csrfmiddlewaretoken") != "csrfmiddlewaretoken":
            form.setdefault(has["name"], value)


_TYPED = {"password": "a new and warm floor", "email": "someone.new@example.org", "checkbox": "on"}


def of_forms(forms: dict[tuple[str, str], dict[str, str]]) -> Iterator[Field]:
    """Return the fields of forms: for each method and path what would be sent."""
    for (method, path), values in forms.items():
        kind = "query" if method == "GET" else "form"
        for name in {"next": "/", **values}:
            others = tuple((other, value) for other, value in values.items() if other != name)
            yield Field(kind, method, path, name, others)
        if method != "GET":
            yield Field("body", method, path, BODY, tuple(values.items()))


def of_api(described: dict[str, Any], number: int) -> Iterator[Field]:
    """Return the fields of all operations that OpenAPI describes, `number` being somebody's."""
    for pattern, methods in described["paths"].items():
        path = re.sub(r"\{\w+\}", str(number), pattern)
        for method, operation in methods.items():
            schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            values = _example(schema, described)
            for name in values:
                others = tuple((other, value) for other, value in values.items() if other != name)
                yield Field("json", method.upper(), path, name, others)
            yield Field("body", method.upper(), path, BODY, tuple(values.items()))
            for parameter in operation.get("parameters", []):
                if parameter["in"] == "path":
                    spot = pattern.replace("{" + parameter["name"] + "}", "{}")
                    yield Field("path", method.upper(), re.sub(r"\{\w+\}", str(number), spot), parameter["name"])
                else:
                    yield Field(parameter["in"], method.upper(), path, parameter["name"])


def _example(schema: dict[str, Any], described: dict[str, Any]) -> dict[str, Any]:
    while one := schema.get("$ref") or next((s["$ref"] for s in schema.get("anyOf", []) if "$ref" in s), None):
        schema = described["components"]["schemas"][one.rpartition("/")[2]]
    found = {}
    for name, field in schema.get("properties", {}).items():
        told = field.get("examples") or [field.get("default")]
        found[name] = told[0]
    return found


def of_routes(routes: Iterable[Route], names: Iterable[str], number: int) -> Iterator[Field]:
    """Return the parts of paths, the odd methods that every address may be asked with, and all `names` at once: not
    every form is on a page that somebody sees at this moment."""
    for route in routes:
        if not route.is_api:
            yield Field("form", "POST", route.path(number), EVERY, tuple((name, "") for name in names))
        marked = route.path("{}").replace("/x/", "/{}/").replace(":x/", ":{}/").replace("-x-y/", "-{}-y/")
        if "{}" in marked:
            yield from (Field("path", method, marked, "path") for method in ("GET", "POST"))
        yield Field("method", "GET", route.path(number), METHOD)


def of_headers(paths: Iterable[str]) -> Iterator[Field]:
    """Return the headers that something may believe."""
    yield from (Field("header", "GET", path, name) for path in paths for name in HEADERS)
