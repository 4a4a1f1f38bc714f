"""`ondol up`, and one machine's whole life by the API, while every request is judged by the policy."""

import pytest

from tests.journey.site import Site, furnished, until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


@pytest.fixture
def site(tmp_path):
    site = Site(furnished(tmp_path / "home"), "--speed", "10").start()
    yield site
    site.stop()


def test_alices_machine_lives_and_ends_under_the_policy(site):
    policy = site.command("doctor", "--print-policy", "--language", "en")
    (site.home / "cloud" / "policy.json").write_text(policy)
    [ada], [alice] = site.people("ada", admin=True), site.people("alice")

    alice.create()
    assert "FAILED" not in site.command("doctor", "--language", "en")
    assert alice.call("POST", "/instances/stop").status_code == 202
    alice.wait_for("STOPPED")
    assert alice.call("POST", "/instances/start").status_code == 202
    alice.wait_for("RUNNING")

    users = ada.call("GET", "/admin/users").json()
    users = users if isinstance(users, list) else users["users"]
    alices_id = next(user["id"] for user in users if user["email"] == "alice@example.org")
    assert ada.call("DELETE", f"/admin/users/{alices_id}/instance").status_code == 202
    until(lambda: alice.machine() is None, 60, "alice's machine is gone, with its group, key and alarm")

    logs = "".join(file.read_text() for file in (site.home / "logs").glob("*.log"))
    assert "requests are judged by" in logs
    assert not [word for word in ("UnauthorizedOperation", "AccessDenied", "Refused") if word in logs]
