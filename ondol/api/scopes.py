"""Which scope of a token each operation needs: one table for checking requests and for OpenAPI."""

import re
from typing import Any

from django.http import HttpRequest

from ondol.accounts.models import Scope

SCOPES = {
    "GET /api/instances/status": Scope.READ,
    "GET /api/instances/offers": Scope.READ,
    "GET /api/costs": Scope.READ,
    "POST /api/instances": Scope.MACHINE,
    "POST /api/instances/size": Scope.MACHINE,
    "POST /api/instances/start": Scope.MACHINE,
    "POST /api/instances/stop": Scope.MACHINE,
    "POST /api/instances/keep-awake": Scope.MACHINE,
    "POST /api/instances/ssh-key": Scope.MACHINE,
    "POST /api/instances/ssh-key/replacement": Scope.MACHINE,
    "GET /api/instances/ssh-addresses": Scope.READ,
    "POST /api/instances/ssh-addresses": Scope.MACHINE,
    "DELETE /api/instances/ssh-addresses/{number}": Scope.MACHINE,
    "GET /api/admin/users": Scope.ADMINISTRATE,
    "POST /api/admin/users/{user_id}/approve": Scope.ADMINISTRATE,
    "POST /api/admin/users/{user_id}/reject": Scope.ADMINISTRATE,
    "POST /api/admin/users/{user_id}/suspend": Scope.ADMINISTRATE,
    "DELETE /api/admin/users/{user_id}/instance": Scope.ADMINISTRATE,
}

NEED_RECENT_SIGN_IN = {
    "POST /api/instances/ssh-key",
    "POST /api/instances/ssh-key/replacement",
    "POST /api/instances/ssh-addresses",
    "POST /api/admin/users/{user_id}/approve",
    "POST /api/admin/users/{user_id}/reject",
    "POST /api/admin/users/{user_id}/suspend",
    "DELETE /api/admin/users/{user_id}/instance",
}
"""What a browser's session may do only for ten minutes after a sign-in, as on the pages. A token has its scope."""

_PARAMETER = re.compile(r"<(?:[^<>:]+:)?([^<>:]+)>")
"""A part of a path in Django's words, such as `<int:user_id>`."""


class InsufficientScope(Exception):
    """A token is used for something else than what it was made for."""

    def __init__(self, scope: Scope) -> None:
        super().__init__(scope)
        self.scope = scope


class TokenExpired(Exception):
    """A token is used after its end."""


def operation_of(request: HttpRequest) -> str:
    """Return the method and the path of a request's operation, as OpenAPI writes them."""
    route = request.resolver_match.route if request.resolver_match else ""
    return f"{request.method} /" + _PARAMETER.sub(r"{\1}", route)


def require(granted: list[str], request: HttpRequest) -> None:
    """Raise InsufficientScope unless one of the scopes is that of the operation; KeyError for one without a scope."""
    scope = SCOPES[operation_of(request)]
    if scope not in granted:
        raise InsufficientScope(scope)


def describe(schema: dict[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI schema whose every operation says which scope a token needs."""
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            scope = SCOPES[f"{method.upper()} {path}"]
            operation["description"] += f"\n\nScope of a token: `{scope}`."
            operation["security"] = [{"Token": [scope]}, {"Session": []}]
    return schema
