"""The description of the API is complete; that the API is as described is in `test_described.py`."""

import pytest

from ondol.api.scopes import SCOPES

OPERATIONS = {
    ("get", "/api/instances/ssh-addresses"),
    ("post", "/api/instances/ssh-addresses"),
    ("delete", "/api/instances/ssh-addresses/{number}"),
    ("get", "/api/instances/status"),
    ("get", "/api/instances/offers"),
    ("post", "/api/instances"),
    ("post", "/api/instances/size"),
    ("post", "/api/instances/start"),
    ("post", "/api/instances/stop"),
    ("post", "/api/instances/keep-awake"),
    ("post", "/api/instances/ssh-key"),
    ("post", "/api/instances/ssh-key/replacement"),
    ("get", "/api/costs"),
    ("get", "/api/admin/users"),
    ("post", "/api/admin/users/{user_id}/approve"),
    ("post", "/api/admin/users/{user_id}/reject"),
    ("post", "/api/admin/users/{user_id}/suspend"),
    ("delete", "/api/admin/users/{user_id}/instance"),
}


@pytest.fixture
def described(nobody):
    response = nobody.get("/openapi.json")
    assert response.status_code == 200
    return response.json()


def operations(described):
    return {(method, path): one for path, methods in described["paths"].items() for method, one in methods.items()}


def test_all_operations_are_described(described):
    assert set(operations(described)) == OPERATIONS


def test_every_operation_has_words_a_name_and_a_way_in(described):
    for (method, path), one in operations(described).items():
        assert one["summary"]
        scope = SCOPES[f"{method.upper()} {path}"]
        assert one["description"].endswith(f"Scope of a token: `{scope}`.")
        assert one["operationId"].isidentifier()
        assert one["security"] == [{"Token": [scope]}, {"Session": []}]
    assert described["components"]["securitySchemes"]["Token"]["scheme"] == "bearer"


def test_every_refusal_is_described_as_one(described):
    for one in operations(described).values():
        refused = {status: told for status, told in one["responses"].items() if int(status) >= 400}
        assert {"401", "403", "429", "503"} <= set(refused)
        for told in refused.values():
            assert told["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Refusal"}


def test_the_description_may_be_kept_for_a_while(nobody):
    assert nobody.get("/openapi.json").headers["Cache-Control"] == "public, max-age=300"
