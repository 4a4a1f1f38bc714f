"""The JSON API under /api/. `/api/openapi.json` describes it; there is no page that would load code from elsewhere."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from ondol import __version__
from ondol.api import costs, machines, people, refusals, scopes, ssh_addresses
from ondol.api.application import Api, Readable

api = Api(
    title="Ondol",
    version=__version__,
    description="A personal Ubuntu machine on Amazon EC2 that stops itself when it is idle. "
    "Every refusal is `{“error”: {“code”, “message”, “hint”}}`.",
    docs_url=None,
    openapi_url=None,
    urls_namespace="api",
    renderer=Readable(),
)
refusals.install(api)
api.add_router("/instances", machines.router)
api.add_router("/instances/ssh-addresses", ssh_addresses.router)
api.add_router("/costs", costs.router)
api.add_router("/admin", people.router)


@api.get("/openapi.json", include_in_schema=False, auth=None)
def openapi(request: HttpRequest) -> HttpResponse:
    """Return this API in OpenAPI 3.1."""
    return JsonResponse(_schema(), headers={"Cache-Control": "public, max-age=300"})


@cache
def _schema() -> dict[str, Any]:
    return scopes.describe(dict(api.get_openapi_schema()))
