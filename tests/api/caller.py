"""Programs that call the API for somebody."""

from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from django.test import Client

from ondol.accounts.models import Approval, Role, User
from tests.tokens import token_of


def person(name: str, approval: Approval = Approval.APPROVED, role: Role = Role.MEMBER, language: str = "en") -> User:
    """Return somebody with an account."""
    return User.objects.create_user(
        f"{name}@example.org", name=name.title(), approval=approval, role=role, language=language
    )


@dataclass
class Program:
    """A program with a person's token, or none."""

    user: User | None = None
    headers: dict[str, str] = field(default_factory=dict)
    client: Client = field(default_factory=lambda: Client(raise_request_exception=False))

    def __post_init__(self) -> None:
        if self.user:
            token = token_of(self.user)
            self.headers = {"Authorization": f"Bearer {token}", **self.headers}

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.client.generic(
            method,
            f"/api{path}",
            body if body is not None else b"",
            content_type="application/json",
            headers=self.headers | {name.replace("_", "-"): value for name, value in headers.items()},
        )

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self.call("POST", path, body, **headers)

    def delete(self, path: str) -> HttpResponse:
        return self.call("DELETE", path)


def refusal(response: HttpResponse, status: int) -> dict[str, str]:
    """Return the refusal in an answer, which has exactly these parts."""
    assert response.status_code == status, response.content
    assert response.headers["Content-Type"] == "application/json"
    told = response.json()
    assert list(told) == ["error"]
    assert list(told["error"]) == ["code", "message", "hint"]
    assert told["error"]["message"]
    error: dict[str, str] = told["error"]
    return error
