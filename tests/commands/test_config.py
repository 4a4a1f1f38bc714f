"""`ondol config check` says all that is wrong at once, or what holds and why, and no secret either way."""

import pytest

from ondol.commands import main
from ondol.config import Config, config, variable

PROVIDERS = ("ONDOL_SOCIAL_PROVIDERS=google,oidc", "ONDOL_GOOGLE_CLIENT_ID=lab", "ONDOL_OIDC_CLIENT_ID=lab")
SECRETS = {
    "ONDOL_SECRET_KEY": "hunter2-" * 5,
    "ONDOL_VAULT_KEYS": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "DATABASE_URL": "postgresql://ondol:hunter2@db.example.org/ondol?sslpassword=hunter2",
    "ONDOL_EMAIL_URL": "smtp://mailer:hunter2@mail.example.org:587",
    "ONDOL_GOOGLE_CLIENT_SECRET": "hunter2",
    "ONDOL_OIDC_CLIENT_SECRET": "hunter2",
    "ONDOL_OIDC_ISSUER": "https://somebody:hunter2@sso.example.org",
    "AWS_ENDPOINT_URL": "https://somebody:hunter2@aws.example.org",
}


@pytest.fixture
def check(monkeypatch, tmp_path, capsys):
    """Return what the command says of these lines in a file."""
    for field in Config.model_fields:
        monkeypatch.delenv(variable(field), raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ONDOL_ENV_FILE", raising=False)

    def run(*lines):
        (tmp_path / ".env").write_text("".join(f"{line}\n" for line in lines))
        code = main(["config", "check"])
        told = capsys.readouterr()
        assert "hunter2" not in told.out + told.err
        return code, told.out.splitlines(), told.err.splitlines()

    yield run
    monkeypatch.undo()
    config.cache_clear()


def test_what_holds_is_printed_with_its_place_and_without_secrets(check, monkeypatch):
    monkeypatch.setenv("ONDOL_PORT", "8100")
    code, lines, wrong = check(
        "ONDOL_IDLE_MINUTES=45",
        "ONDOL_TAGS=CostCenter=4711,Team=lab",
        *PROVIDERS,
        *(f"{n}={v}" for n, v in SECRETS.items()),
    )
    assert (code, wrong) == (0, [])
    said = {line.partition("=")[0]: line.partition("=")[2].split() for line in lines}
    assert list(said) == [variable(field) for field in Config.model_fields]
    assert said["ONDOL_PORT"] == ["8100", "(environment)"]
    assert said["ONDOL_IDLE_MINUTES"] == ["45", "(.env,", "line", "1)"]
    assert said["ONDOL_VOLUME_GB"] == ["30"]
    assert said["ONDOL_TAGS"][0] == "CostCenter=4711,Team=lab"
    assert said["ONDOL_URL"] == ["http://127.0.0.1:8100"]
    assert said["DATABASE_URL"][0] == "postgresql://db.example.org/ondol"
    assert said["ONDOL_EMAIL_URL"][0] == "smtp://mail.example.org:587"
    assert said["ONDOL_SECRET_KEY"][0] == said["ONDOL_GOOGLE_CLIENT_SECRET"][0] == "(set)"
    assert said["ONDOL_OIDC_ISSUER"][0] == "https://sso.example.org"


def test_all_that_is_wrong_is_said_at_once(check):
    code, lines, wrong = check(
        "ONDOL_SSH_CIDRS: 203.0.113.0/24",
        "ONDOL_IDLE_MINUTE=60",
        "ONDOL_PORT=0",
        "ONDOL_VOLUME_GB=",
        "ONDOL_SECRET_KEY=hunter2",
        "ONDOL_HSTS_SECONDS=-1",
        "ONDOL_WEB_THREADS=many",
        "ONDOL_WORKER_METRICS_PORT=99999",
    )
    assert (code, lines) == (1, [])
    assert all(line.startswith("ondol: ") for line in wrong)
    names = ["SSH_CIDRS", "IDLE_MINUTE", "PORT", "VOLUME_GB", "SECRET_KEY", "HSTS_SECONDS", "WEB_THREADS"]
    for name in [*names, "WORKER_METRICS_PORT"]:
        assert sum(f"ONDOL_{name}" in line for line in wrong) >= 1, (name, wrong)
    assert len(wrong) == 8


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["ONDOL_URL=https://ondol.example.org"], "ONDOL_BEHIND_PROXY"),
        (["ONDOL_CLOUD=aws"], "AWS_VPC_ID is not set"),
        (["ONDOL_CLOUD=aws", "AWS_VPC_ID=vpc-0123456789abcdef0"], "AWS_SUBNET_ID is not set"),
        (["ONDOL_CLOUD=aws", "AWS_VPC_ID=vpc-0123456789abcdef0"], "ONDOL_SSH_CIDRS is not set"),
        (["ONDOL_HOST=0.0.0.0"], "ONDOL_URL: needed"),
        (["ONDOL_SOCIAL_PROVIDERS=google"], "ONDOL_GOOGLE_CLIENT_ID: needed"),
        (["ONDOL_METRICS_HOST=127.0.0.1:9100"], "ONDOL_WEB_METRICS_PORT and ONDOL_WORKER_METRICS_PORT are its ports"),
        (["ONDOL_HOST=127.0.0.1:8000"], "the port is ONDOL_PORT"),
    ],
)
def test_what_a_part_would_refuse_to_start_with_is_said_too(check, lines, told):
    code, _, wrong = check(*lines)
    assert code == 1
    assert any(told in line for line in wrong), wrong
