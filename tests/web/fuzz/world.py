"""Somebody of each role in a site with all its screens, who sends one thing at a time; then all is as it was."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from django.conf import settings
from django.db import connection, transaction
from django.db.models import CharField, F, Value
from django.db.models.functions import Cast, Concat
from django.http import HttpResponse
from django.test import Client
from django.urls import resolve

from ondol.accounts.models import User
from ondol.config import config
from ondol.instances.models import Instance, SshKey
from tests.instances.keys import keep, quick_pem
from tests.tokens import token_of
from tests.web.browser import sign_in
from tests.web.fuzz import fields
from tests.web.fuzz.fields import Field, Forms
from tests.web.fuzz.payloads import Body
from tests.web.routes import RULE_OF, Rule, routes
from tests.web.screens import furnish

ROLES = {
    "stranger": "",
    "waiting": "carol@example.org",
    "member": "bob@example.org",
    "administrator": "alice@example.org",
}
METHODS = (
    "HEAD",
    "OPTIONS",
    "PUT",
    "PATCH",
    "DELETE",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "get",
    "POST ",
    "A" * 300,
    "zq7x",
    "QUERY",
    "",
)
_AT_LEAST = {
    Rule.ANYBODY: "",
    Rule.SIGNED_IN: ROLES["waiting"],
    Rule.APPROVED: ROLES["member"],
    Rule.ADMINISTRATOR: ROLES["administrator"],
}
BEHIND = {"/admin/people/invite/": {"text": "zoe@example.org,Zoe"}, "/admin/people/message/": {}}
"""Forms that are shown by another form alone, of administrators: where that is sent to, and with what."""
KEY_OF = "the private key of "
TOLD = re.compile(rb"(?:Nameq|Purposeq)(\d+)z")
"""What each person has written, with whose it is."""


class World:
    """People, their browsers and programs, and every field that they can fill in."""

    def __init__(self) -> None:
        self.screens = furnish()
        self._name_everybody()
        self.people = {role: User.objects.filter(email=email).first() for role, email in ROLES.items()}
        self.clients = {role: Client(raise_request_exception=False) for role in ROLES}
        self.tokens = {role: token_of(user, "fuzz") for role, user in self.people.items() if user}
        self.secrets = dict[str, str]()
        self.renew()
        forms = self._forms()
        names = sorted({name for values in forms.values() for name in values})
        self.cells = [*fields.of_forms(forms), *self._api(), *fields.of_routes(routes(), names, self.bob.pk)]
        self.cells += fields.of_headers(["/", "/accounts/login/", "/settings/", "/api/instances/status"])
        self.cells = list(dict.fromkeys(self.cells))

    @property
    def bob(self) -> User:
        return User.objects.get(email=ROLES["member"])

    def renew(self) -> None:
        """Sign everybody in again: sensitive actions ask for a recent sign-in."""
        self.secrets = {settings.SECRET_KEY: "the site's secret key", "JBSWY3DPEHPK3PXP": "an authenticator's secret"}
        self.secrets |= {key: "a vault key" for key in config().vault_keys}
        self.secrets |= dict(User.objects.exclude(password="!").values_list("password", Value("a password's hash")))
        for row in _with_keys():
            self.secrets[quick_pem(row).splitlines()[1]] = f"{KEY_OF}{row.owner_id}"
        for role, user in self.people.items():
            client = self.clients[role]
            client.cookies.clear()
            client.cookies[settings.LANGUAGE_COOKIE_NAME] = "en"
            if user:
                self.secrets[sign_in(client, user)] = f"the session of {role}"
                self.secrets[self.tokens[role]] = f"the token of {role}"
        self._cookies = {role: client.cookies.output(header="", sep=";") for role, client in self.clients.items()}
        self._renewed = time.monotonic()

    def _name_everybody(self) -> None:
        number = Cast(F("pk"), CharField())
        User.objects.update(
            name=Concat(Value("Nameq"), number, Value("z")), purpose=Concat(Value("Purposeq"), number, Value("z"))
        )
        for row in _with_keys():
            SshKey.objects.filter(instance=row).delete()
            keep(row, quick_pem(row))

    def _forms(self) -> dict[tuple[str, str], dict[str, str]]:
        """Return the forms of all screens and of all addresses, one of each route: its place, and what it has."""
        pages = {(screen.who, screen.path) for screen in self.screens if screen.status == 200}
        pages |= {
            (_AT_LEAST[RULE_OF[route.pattern]], route.path(self.bob.pk)) for route in routes() if not route.is_api
        }
        users = {user.email: user for user in User.objects.all()}
        browsers, found, places = dict[str, Client](), dict[tuple[str, str], dict[str, str]](), {}
        for who, path in sorted(pages - {("carol@example.org", "/accounts/logout/")}):
            if who not in browsers:
                browsers[who] = Client(raise_request_exception=False)
                if who:
                    sign_in(browsers[who], users[who])
            answer = browsers[who].get(path)
            if answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html"):
                for (method, action), values in Forms(path, answer.content.decode()).found.items():
                    place = places.setdefault((method, resolve(urlsplit(action).path).route), (method, action))
                    found[place] = values | found.get(place, {})
        for page, typed in BEHIND.items():
            answer = browsers[ROLES["administrator"]].post(page, typed | {"people": self.bob.pk})
            found |= Forms(page, answer.content.decode()).found
        return found

    def _api(self) -> Iterator[Field]:
        self.described = self.clients["stranger"].get("/api/openapi.json").json()
        return fields.of_api(self.described, self.bob.pk)

    def send(self, role: str, field: Field, payload: Any) -> HttpResponse:
        """Send a payload in a field, as this role."""
        if time.monotonic() - self._renewed > 300:
            self.renew()
        client = self.clients[role]
        client.cookies.load(self._cookies[role])
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} if field.is_api and role in self.tokens else {}
        if field.is_api:
            client.cookies.clear()
        path, method, data, kind = field.path, field.method, b"", "application/x-www-form-urlencoded"
        if field.kind == "path":
            path = path.replace("{}", quote(_bytes(payload), safe=""))
        elif field.kind == "query":
            path += "?" + urlencode([*field.others, (field.name, _bytes(payload))])
        elif field.name == fields.EVERY:
            data = urlencode([(name, _bytes(payload)) for name, _ in field.others]).encode()
        elif field.kind == "form":
            data = urlencode([*field.others, (field.name, _bytes(payload))]).encode()
        elif field.kind == "json":
            data, kind = _json(field, payload), "application/json"
        elif isinstance(payload, Body):
            data, kind = payload.data, payload.content_type
        elif field.kind == "method":
            method = payload
        else:
            headers = headers | {field.name: _wire(payload)}
        try:
            return client.generic(method, path, data, kind, headers=headers)
        finally:
            client.cookies.clear()


def _with_keys() -> list[Instance]:
    return list(Instance.objects.filter(pk__in=SshKey.objects.values("instance")))


def _bytes(payload: Any) -> bytes:
    if isinstance(payload, bytes):
        return payload
    text = payload if isinstance(payload, str) else json.dumps(payload)
    return text.encode("utf-8", "surrogatepass")


def _wire(payload: Any) -> str:
    """Return a header as WSGI hands it on; a server refuses line breaks and NUL before."""
    return _bytes(payload).decode("latin-1").translate(dict.fromkeys(map(ord, "\r\n\0")))


def _json(field: Field, payload: Any) -> bytes:
    if isinstance(payload, bytes):
        others = json.dumps(dict(field.others))[1:-1].encode()
        return (
            b"{" + b", ".join(filter(None, [others, json.dumps(field.name).encode() + b': "' + payload + b'"'])) + b"}"
        )
    return json.dumps(dict(field.others) | {field.name: payload}).encode()


@contextmanager
def undone() -> Iterator[None]:
    """Take back all that is written in between, in the transaction of a test."""
    point = transaction.savepoint()
    try:
        yield
    finally:
        connection.needs_rollback = False
        transaction.savepoint_rollback(point)
        connection.run_on_commit.clear()
