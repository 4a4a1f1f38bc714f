"""Settings: a wrong one is named, and all are documented."""

import pytest

from ondol.aws_tags import OURS
from ondol.cloud.port import Tag
from ondol.config import Config, ConfigError, config, variable


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("ONDOL_IDLE_MINUTES", "soon", "integer"),
        ("ONDOL_IDLE_MINUTES", "10", "greater than or equal to 15"),
        ("ONDOL_IDLE_MINUTES", "31", "multiple of 5"),
        ("ONDOL_CLOUD", "azure", "'local' or 'aws'"),
        ("DATABASE_URL", "mysql://localhost/ondol", "only PostgreSQL"),
        ("ONDOL_SSH_CIDRS", "everywhere", "use ranges"),
        ("ONDOL_SSH_CIDRS", "none,203.0.113.0/24", "use ranges"),
        ("ONDOL_SSH_CIDRS", "203.0.113.7/24", "host bits"),
        ("ONDOL_URL", "ondol.example.org", "write it whole"),
        ("ONDOL_CLOCK", "fast", "REAL,VIRTUAL,SPEED"),
        ("AWS_VPC_ID", "vpc-XYZ", "pattern"),
        ("ONDOL_EMAIL_URL", "mailto:somebody", "smtp://"),
        ("ONDOL_EMAIL_URL", "smtp://ada@mail", "go together"),
        ("ONDOL_EMAIL_URL", "smtp://:hunter2@mail", "go together"),
        ("ONDOL_EMAIL_URL", "smtp://ada:온돌@mail", "ASCII"),
        ("ONDOL_EMAIL_URL", "smtp://mail:25/?tls=no", "nothing may follow"),
        ("ONDOL_EMAIL_URL", "smtp://mail:25/ondol", "nothing may follow"),
        ("ONDOL_EMAIL_URL", "smtp://mail:25#ada", "%23"),
        ("ONDOL_EMAIL_URL", "smtp://", "smtp://USER"),
        ("ONDOL_EMAIL_URL", "file://var/mail", "three slashes"),
        ("ONDOL_EMAIL_STARTTLS", "true", "no smtp:// address"),
        ("ONDOL_EMAIL_CA_FILE", "/nonexistent", "without TLS"),
        ("ONDOL_SOCIAL_PROVIDERS", "myspace", "unknown: myspace"),
        ("ONDOL_OIDC_ISSUER", "login.kigam.re.kr", "write it whole"),
        ("ONDOL_OIDC_SCOPES", "profile email", "`openid`"),
        ("ONDOL_OIDC_ADMIN_CLAIM", "groups", "CLAIM=VALUE"),
        ("ONDOL_OIDC_APPROVED_CLAIM", "=radar", "CLAIM=VALUE"),
        ("ONDOL_OIDC_APPROVED_CLAIM", "groups=radar", "`oidc` is not in ONDOL_SOCIAL_PROVIDERS"),
        ("ONDOL_OIDC_TRUST_EMAIL", "true", "`oidc` is not in ONDOL_SOCIAL_PROVIDERS"),
        ("ONDOL_OIDC_ISSUER", "https://login.kigam.re.kr", "`oidc` is not in ONDOL_SOCIAL_PROVIDERS"),
        ("ONDOL_GOOGLE_CLIENT_ID", "x", "`google` is not in"),
        ("ONDOL_NAVER_CLIENT_SECRET", "x", "`naver` is not in"),
        ("ONDOL_WEB_METRICS_PORT", "8000", "port of its own"),
        ("ONDOL_PASSWORD_SIGN_IN", "false", "needs `oidc`"),
        ("ONDOL_SIGN_UP_DOMAINS", "*.kigam.re.kr", "without a wildcard"),
        ("ONDOL_SIGN_UP_DOMAINS", "kigam", "domains such as"),
        ("ONDOL_APPROVED_DOMAINS", "kigam.re.kr", "ONDOL_EMAIL_VERIFICATION"),
        ("ONDOL_TAGS", "CostCenter", "KEY=VALUE"),
        ("ONDOL_TAGS", "=4711", "KEY=VALUE"),
        ("ONDOL_TAGS", "AWS:Owner=lab", "for AWS alone"),
        ("ONDOL_TAGS", "userid=7", "Ondol's own"),
        ("ONDOL_TAGS", "A=1,a=2", "twice"),
        ("ONDOL_TAGS", "Team=a&b", "letters, digits"),
        ("ONDOL_TAGS", f"Team={'x' * 257}", "at most 256"),
        ("ONDOL_TAGS", ",".join(f"k{number}=v" for number in range(45)), "takes 44"),
    ],
)
def test_a_wrong_setting_is_named_and_explained(monkeypatch, name, value, hint):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as error:
        config()
    assert str(error.value).startswith(name)
    assert hint in str(error.value)


@pytest.mark.parametrize("name", ["ONDOL_SECRET_KEY", "ONDOL_VAULT_KEYS", "DATABASE_URL", "ONDOL_EMAIL_URL"])
def test_a_secret_that_is_wrong_is_not_repeated(monkeypatch, name):
    monkeypatch.setenv(name, "hunter2://x")
    with pytest.raises(ConfigError) as error:
        config()
    assert name in str(error.value)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(("text", "hint"), [(None, "cannot be read: No such file"), ("no certificate", "PEM form")])
def test_an_authority_that_cannot_be_read_ends_the_start(monkeypatch, tmp_path, text, hint):
    if text:
        (tmp_path / "ca.pem").write_text(text)
    monkeypatch.setenv("ONDOL_EMAIL_URL", "smtps://mail")
    monkeypatch.setenv("ONDOL_EMAIL_CA_FILE", f"{tmp_path}/ca.pem")
    with pytest.raises(ConfigError, match=f"ONDOL_EMAIL_CA_FILE: .*{hint}"):
        config()


def test_several_mistakes_are_told_at_once(monkeypatch):
    monkeypatch.setenv("ONDOL_PORT", "0")
    monkeypatch.setenv("ONDOL_VOLUME_GB", "1")
    with pytest.raises(ConfigError, match=r"(?s)ONDOL_PORT.*ONDOL_VOLUME_GB"):
        config()


def test_a_domain_is_read_as_addresses_are_kept(monkeypatch):
    monkeypatch.setenv("ONDOL_SIGN_UP_DOMAINS", "@KIGAM.re.kr, xn--pq1b416a.kr")
    assert config().sign_up_domains == ("kigam.re.kr", "온돌.kr")


@pytest.mark.parametrize(("host", "url"), [("::1", "http://[::1]:8000"), ("127.0.0.1", "http://127.0.0.1:8000")])
def test_the_address_of_the_pages_is_one_that_a_browser_takes(monkeypatch, host, url):
    monkeypatch.setenv("ONDOL_HOST", host)
    assert config().url == url


def test_tags_are_read_as_pairs(monkeypatch):
    monkeypatch.setenv("ONDOL_TAGS", " CostCenter=4711, 부서=연구 개발 ,Formula=a=b,Empty=")
    assert dict(config().tags) == {"CostCenter": "4711", "부서": "연구 개발", "Formula": "a=b", "Empty": ""}


def test_ondols_own_tags_are_not_for_settings():
    assert {tag.lower() for tag in Tag} == OURS


def test_a_provider_needs_its_client(monkeypatch):
    monkeypatch.setenv("ONDOL_SOCIAL_PROVIDERS", "google")
    with pytest.raises(ConfigError, match="ONDOL_GOOGLE_CLIENT_ID"):
        config()


def test_the_cloud_is_local_until_a_vpc_is_set(monkeypatch):
    monkeypatch.delenv("AWS_VPC_ID", raising=False)
    monkeypatch.delenv("ONDOL_CLOUD", raising=False)
    assert config().cloud == "local"
    config.cache_clear()
    monkeypatch.setenv("AWS_VPC_ID", "vpc-bd0d80d6")
    assert config().cloud == "aws"


@pytest.mark.parametrize(
    ("set_to", "cloud", "ranges"),
    [
        ("203.0.113.0/24, 203.0.113.0/24,2001:DB8::/32", "aws", ("203.0.113.0/24", "2001:db8::/32")),
        ("0.0.0.0/0", "aws", ("0.0.0.0/0",)),
        ("none", "aws", ()),
        (None, "aws", None),
        (None, "local", ("0.0.0.0/0",)),
        ("none", "local", ()),
    ],
)
def test_nobody_is_let_in_to_amazons_machines_unless_somebody_says_so(monkeypatch, set_to, cloud, ranges):
    monkeypatch.setenv("ONDOL_CLOUD", cloud)
    if set_to is not None:
        monkeypatch.setenv("ONDOL_SSH_CIDRS", set_to)
    assert config().ssh_cidrs == ranges
    monkeypatch.setenv("AWS_VPC_ID", "vpc-12345678")
    monkeypatch.setenv("AWS_SUBNET_ID", "subnet-12345678")
    config.cache_clear()
    if ranges is None:
        with pytest.raises(ConfigError, match="ONDOL_SSH_CIDRS is not set"):
            config().require_cloud()
    else:
        config().require_cloud()


@pytest.mark.parametrize(
    ("cloud", "mail", "set_to", "verification", "wants_proof"),
    [
        ("aws", "smtp://mail.example.org:25", None, "mandatory", True),
        ("aws", "smtp://mail.example.org:25", "none", "none", True),
        ("aws", "file:///var/mail/ondol", None, "none", True),
        ("aws", None, None, "none", True),
        ("aws", None, "mandatory", "mandatory", True),
        ("local", "smtp://mail.example.org:25", None, "none", False),
        ("local", None, None, "none", False),
        ("local", None, "mandatory", "mandatory", True),
    ],
)
def test_addresses_are_proven_wherever_letters_reach_people(
    monkeypatch, cloud, mail, set_to, verification, wants_proof
):
    monkeypatch.setenv("ONDOL_CLOUD", cloud)
    for name, value in (("ONDOL_EMAIL_URL", mail), ("ONDOL_EMAIL_VERIFICATION", set_to)):
        if value is not None:
            monkeypatch.setenv(name, value)
    assert (config().email_verification, config().wants_proof) == (verification, wants_proof)


@pytest.mark.parametrize("file", ["docs/settings.md", ".env.example"])
def test_every_setting_is_documented(file, request):
    text = (request.config.rootpath / file).read_text()
    missing = [variable(field) for field in Config.model_fields if variable(field) not in text]
    assert not missing


def test_the_trials_clock_never_tells_amazons_time(monkeypatch):
    monkeypatch.setenv("AWS_VPC_ID", "vpc-12345678")
    monkeypatch.setenv("ONDOL_CLOUD", "aws")
    monkeypatch.setenv("ONDOL_CLOCK", "1,2,3")
    with pytest.raises(ConfigError, match="ONDOL_CLOCK is a trial's"):
        config().require_real_time()
    config.cache_clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:5000")
    config().require_real_time()


def test_a_deprecated_setting_is_not_silently_without_effect(monkeypatch):
    monkeypatch.setenv("ONDOL_IDLE_CPU_PERCENT", "7")
    assert config().idle_cpu_percent == 7
    config.cache_clear()
    monkeypatch.setenv("ONDOL_IDLE_CORE_PERCENT", "3")
    with pytest.raises(ConfigError, match="ONDOL_IDLE_CPU_PERCENT is set beside"):
        config()


def test_two_metrics_never_share_a_port(monkeypatch):
    monkeypatch.setenv("ONDOL_WEB_METRICS_PORT", "9102")
    monkeypatch.setenv("ONDOL_WORKER_METRICS_PORT", "9102")
    with pytest.raises(ConfigError, match="port of its own"):
        config()


@pytest.mark.parametrize("value", ["de", "KO", "ko,en", "automatic"])
def test_another_language_ends_the_start(monkeypatch, value):
    monkeypatch.setenv("ONDOL_LANGUAGE", value)
    with pytest.raises(ConfigError, match=r"^ONDOL_LANGUAGE"):
        config()
