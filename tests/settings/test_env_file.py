"""What somebody writes into a settings file is used, or ends the start with file, line and variable."""

import codecs
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ondol import env_file
from ondol.config import Config, ConfigError, config, settings_file, variable
from tests.settings import systemd

KNOWN = frozenset(map(variable, Config.model_fields))
ONE = "203.0.113.0/24"


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Return a function that writes the settings file that Ada has named."""

    def write(text):
        file = tmp_path / "ondol.env"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        monkeypatch.setenv("ONDOL_ENV_FILE", str(file))
        return file

    return write


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        (f"ONDOL_SSH_CIDRS: {ONE}", "instead of a colon"),
        (f"  ONDOL_SSH_CIDRS : {ONE}", "instead of a colon"),
        (f'"ONDOL_SSH_CIDRS": "{ONE}",', "instead of a colon"),
        (f"ONDOL_SSH_CIDRS {ONE}", "no ="),
        (f"ONDOL_SSH_CIDRS＝{ONE}", "no ="),
        ("ONDOL_SSH_CIDRS", "no ="),
        ("export ONDOL_SSH_CIDRS", "no ="),
        (f"set ONDOL_SSH_CIDRS={ONE}", "before ="),
        (f"- ONDOL_SSH_CIDRS={ONE}", "before ="),
        (f"$env:ONDOL_SSH_CIDRS={ONE}", "before ="),
        (f"ONDOL_SSH_CIDRS+={ONE}", "before ="),
        (f"ONDOL_SSH_CIDRS:={ONE}", "colon"),
        (f'"ONDOL_SSH_CIDRS"={ONE}', "before ="),
        (f"\u200bONDOL_SSH_CIDRS={ONE}", "before ="),
        (f'ONDOL_SSH_CIDRS="{ONE}', "not closed"),
        (f"ONDOL_SSH_CIDRS='{ONE}", "not closed"),
        (f'ONDOL_SSH_CIDRS={ONE}"', "quotes around the whole"),
        (f'ONDOL_SSH_CIDRS="{ONE}" 198.51.100.0/24', "after the closing quote"),
        (f'ONDOL_SSH_CIDRS="{ONE}" # ours', "after the closing quote"),
        (f"ONDOL_SSH_CIDRS={ONE} # ours", "a line of its own"),
        (f"ONDOL_SSH_CIDRS= # {ONE}", "a line of its own"),
        (f"ONDOL_SSH_CIDRS=#{ONE}", "a line of its own"),
        (f"ONDOL_SSH_CIDRS={ONE}, \\", "on one line"),
        (r"ONDOL_SSH_CIDRS=LAB\net", "backslash"),
        (r'ONDOL_SSH_CIDRS="LAB\net"', "single quotes"),
        ("ONDOL_SSH_CIDRS=${LAB_NET}", "nothing is filled in"),
        ('ONDOL_SSH_CIDRS="$(lab-net)"', "nothing is filled in"),
        (f"ONDOL_SSH_CIDRS={ONE}\u200b", "U+200B"),
        (f"ONDOL_SSH_CIDRS={ONE} ONDOL_PORT=8001", "one NAME=VALUE on each"),
        (f"ONDOL_SSH_CIDRS={ONE}; ONDOL_PORT=8001", "one NAME=VALUE on each"),
        ("ONDOL_SSH_CIDRS=…", "what you have to write"),
    ],
)
def test_a_line_that_cannot_be_read_ends_adas_start(written, line, hint):
    """A group that lets in everybody instead of Ada's institute is what came of such a line."""
    file = written(f"# Ada's\n\n{line}\nONDOL_PORT=8000\n")
    with pytest.raises(ConfigError) as error:
        config()
    assert str(error.value).startswith(f"{file}, line 3: ONDOL_SSH_CIDRS: ")
    assert hint in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("hunter2hunter2", "no ="),
        ("hunter2: 1", "colon"),
        ("hunter2/+x==", "before ="),
        ('ONDOL_SECRET_KEY="hunter2', "not closed"),
        ("DATABASE_URL: postgresql://ada:hunter2@db/ondol", "colon"),
        ("ONDOL_SECRET_KEY=hunter2 # ours", "line of its own"),
        (r"ONDOL_EMAIL_URL=smtp://ada:hunter2\@mail", "backslash"),
        ("AWS_SECRET_ACCESS_KEY=hunter2 hunter2'", "quotes"),
        ("ONDOL_PASSWORD=hunter2", "no such setting"),
        ("ONDOL_URL=https://ada:hunter2@ondol.example.org", "user name and password"),
        ("AWS_ENDPOINT_URL=ftp://ada:hunter2@ondol.example.org", "write it whole"),
        ("# hunter2\\", "backslash"),
    ],
)
def test_no_secret_of_adas_is_repeated(written, line, hint):
    written(f"{line}\n")
    with pytest.raises(ConfigError) as error:
        config()
    assert "line 1" in str(error.value)
    assert hint in str(error.value)
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("ONDOL_IDLE_MINUTE", "ONDOL_IDLE_MINUTES"),
        ("ONDOL_SSH_CIDR", "ONDOL_SSH_CIDRS"),
        ("ONDOL_ALLOWED_SSH_CIDRS", "ONDOL_SSH_CIDRS"),
        ("ondol_ssh_cidrs", "ONDOL_SSH_CIDRS"),
        ("Ondol_Url", "ONDOL_URL"),
        ("ONDOL_TIMEZONE", "ONDOL_TIME_ZONE"),
        ("ONDOL_BEHINDPROXY", "ONDOL_BEHIND_PROXY"),
        ("ONDOL_VOLUME_GIB", "ONDOL_VOLUME_GB"),
        ("ONDOL_SECRETKEY", "ONDOL_SECRET_KEY"),
        ("ONDOL_DATABASE_URL", "DATABASE_URL"),
        ("ONDOL_GOGLE_CLIENT_ID", "ONDOL_GOOGLE_CLIENT_ID"),
        ("AWS_VPCID", "AWS_VPC_ID"),
        ("AWS_SUBNETID", "AWS_SUBNET_ID"),
        ("DATABASE_URI", "DATABASE_URL"),
        ("ONDOL_QQQQ", ""),
        ("ONDOL_ENV_FILE", ""),
    ],
)
def test_a_setting_that_does_not_exist_ends_adas_start(written, name, nearest):
    file = written(f"\n{name}=60\n")
    with pytest.raises(ConfigError) as error:
        config()
    assert str(error.value).startswith(f"{file}, line 2: {name}: there is no such setting")
    assert nearest in str(error.value)


def test_names_of_other_programs_are_none_of_ours(written):
    others = (
        "AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_STS", "AWS_CA_BUNDLE",
        "HTTPS_PROXY", "PGPASSFILE", "TZ", "LANG",
    )  # fmt: skip
    assert settings_file().values == {}
    written("".join(f"{name}=x\n" for name in others))
    assert list(settings_file().values) == list(others)
    assert config()


@pytest.mark.parametrize("again", ["ONDOL_PORT=9000", "export ONDOL_PORT=9000", "ONDOL_PORT=8000", "ONDOL_PORT = '1'"])
def test_of_two_lines_about_one_thing_neither_is_chosen(written, again):
    file = written(f"ONDOL_PORT=8000\n{again}\n")
    with pytest.raises(ConfigError) as error:
        config()
    assert str(error.value).startswith(f"{file}, line 2: ONDOL_PORT: is set in line 1 already")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ONDOL_OIDC_NAME=Lab", "Lab"),
        ("  ONDOL_OIDC_NAME = Lab  ", "Lab"),
        ("ONDOL_OIDC_NAME=온돌 연구소", "온돌 연구소"),
        ("export ONDOL_OIDC_NAME=Lab", "Lab"),
        ("export\tONDOL_OIDC_NAME='Lab'", "Lab"),
        ("\ufeffONDOL_OIDC_NAME=Lab", "Lab"),
        ("ONDOL_OIDC_NAME=Lab\r\nONDOL_PORT=8001\r\n", "Lab"),
        ("ONDOL_OIDC_NAME=Lab\rONDOL_PORT=8001", "Lab"),
        ("; ours\n# too: a=b\n\nONDOL_OIDC_NAME=Lab", "Lab"),
        ("ONDOL_OIDC_NAME=Lab#7", "Lab#7"),
        ("ONDOL_OIDC_NAME='Lab # 7'", "Lab # 7"),
        ('ONDOL_OIDC_NAME="Bob\'s Lab"', "Bob's Lab"),
        ("ONDOL_OIDC_NAME='a\\b ${c}'", "a\\b ${c}"),
        (r'ONDOL_OIDC_NAME="a\"b\\c\$d\`e"', 'a"b\\c$d`e'),
        ("ONDOL_OIDC_NAME=a=b$c", "a=b$c"),
        ("ONDOL_OIDC_NAME='a ONDOL_PORT=1'", "a ONDOL_PORT=1"),
    ],
)
def test_what_can_be_read_is_used(written, text, value):
    written(text)
    assert config().oidc_name == value


def test_a_file_in_utf_16_is_named(written):
    file = written(codecs.BOM_UTF16_LE + "ONDOL_PORT=8001".encode("utf-16-le"))
    with pytest.raises(ConfigError, match=rf"^{file} cannot be read as UTF-8"):
        config()


@pytest.mark.parametrize("name", ["missing.env", "missing/ondol.env", ".", "ondol.env/x"])
def test_a_file_that_ada_names_has_to_be_there(written, monkeypatch, name):
    folder = written("ONDOL_PORT=8001").parent
    monkeypatch.setenv("ONDOL_ENV_FILE", str(folder / name))
    with pytest.raises(ConfigError, match=r"^ONDOL_ENV_FILE=.*: .+\.$"):
        config()


def test_a_dot_env_needs_not_be_there(tmp_path, monkeypatch):
    monkeypatch.delenv("ONDOL_ENV_FILE")
    monkeypatch.chdir(tmp_path)
    assert settings_file().values == {}
    (tmp_path / ".env").mkdir()  # as `python -m venv .env` does
    assert settings_file().values == {}
    (tmp_path / ".env").rmdir()
    (tmp_path / ".env").write_text("ONDOL_PORT=8001\n")
    assert config().port == 8001


def test_a_wrong_value_is_told_with_its_line(written):
    file = written("\nONDOL_PORT=soon\n")
    with pytest.raises(ConfigError, match=rf"^ONDOL_PORT=soon \({file}, line 2\): "):
        config()


def test_the_environment_wins_and_is_blamed(written, monkeypatch):
    written("ONDOL_PORT=8001\nONDOL_VOLUME_GB=40\n")
    monkeypatch.setenv("ONDOL_PORT", "8002")
    assert (config().port, config().volume_gib) == (8002, 40)
    config.cache_clear()
    monkeypatch.setenv("ONDOL_PORT", "soon")
    with pytest.raises(ConfigError, match=r"^ONDOL_PORT=soon: "):
        config()


@pytest.mark.parametrize(
    "name",
    [
        "ONDOL_SSH_CIDRS", "ONDOL_INSTANCE_TYPES", "ONDOL_IDLE_MINUTES", "ONDOL_VOLUME_GB", "ONDOL_PORT", "ONDOL_HOST",
        "ONDOL_PROJECT", "ONDOL_BEHIND_PROXY", "AWS_REGION", "ONDOL_TIME_ZONE",
    ],
)  # fmt: skip
@pytest.mark.parametrize("text", ["", "''", '""', "' '", "','"])
@pytest.mark.parametrize("place", ["file", "environment"])
def test_an_empty_value_does_not_mean_the_default(written, monkeypatch, name, text, place):
    if place == "file":
        written(f"{name}={text}\n")
    else:
        monkeypatch.setenv(name, text.strip("'\""))
    with pytest.raises(ConfigError) as error:
        config()
    assert str(error.value).startswith(f"{name} is empty")
    assert ("line 1" in str(error.value)) == (place == "file")


@pytest.mark.parametrize("name", ["ONDOL_CLOUD", "ONDOL_EMAIL_URL", "ONDOL_TAGS", "ONDOL_IMAGE_ID", "ONDOL_CLOCK"])
def test_an_empty_value_is_the_default_where_that_is_nothing(written, name):
    written(f"{name}=\n")
    assert config()


@pytest.mark.parametrize(("value", "hint"), [('"en"', "its quotes"), ("'en'", "its quotes"), ("e\u200bn", "invisible")])
def test_quotes_and_invisible_letters_of_the_environment_are_told(monkeypatch, value, hint):
    monkeypatch.setenv("ONDOL_LANGUAGE", value)
    with pytest.raises(ConfigError, match=rf"^ONDOL_LANGUAGE: .*{hint}"):
        config()


@pytest.mark.parametrize(
    ("settings", "region"),
    [
        ({"AWS_VPC_ID": "vpc-0123456789abcdef0", "AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ({"ONDOL_CLOUD": "aws", "AWS_DEFAULT_REGION": "eu-west-1"}, "eu-west-1"),
        ({"ONDOL_CLOUD": "aws", "AWS_DEFAULT_REGION": "eu-west-1", "AWS_REGION": "us-east-1"}, "us-east-1"),
        ({"ONDOL_CLOUD": "aws", "AWS_DEFAULT_REGION": "", "AWS_REGION": "us-east-1"}, "us-east-1"),
        ({"ONDOL_CLOUD": "aws"}, "ap-northeast-2"),
        ({"ONDOL_CLOUD": "local", "AWS_DEFAULT_REGION": "eu-west-1"}, "ap-northeast-2"),
    ],
)
@pytest.mark.parametrize("place", ["file", "environment"])
def test_the_region_of_the_aws_cli_is_honoured(written, monkeypatch, settings, region, place):
    monkeypatch.delenv("ONDOL_CLOUD")
    if place == "file":
        written("".join(f"{name}={value}\n" for name, value in settings.items()))
    else:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
    assert config().region == region


def test_a_wrong_region_of_the_aws_cli_is_named(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "seoul")
    with pytest.raises(ConfigError, match=r"^AWS_DEFAULT_REGION=seoul: no region"):
        config()


@given(st.lists(st.sampled_from([*"AB== \t\n\n\n#;'\"\\$x{}`:,", "\r\n", "A=", 'B="', "B='", "A=x", "ONDOL_PORT=1"])))
def test_systemd_reads_each_file_that_is_taken_as_ondol_does(pieces):
    text = "".join(pieces)
    file = env_file.parse(text, KNOWN)
    assert file.mistakes or file.values == systemd.read(text)


@pytest.mark.parametrize(
    ("text", "systemds"),
    [
        ("ONDOL_PORT=8000 # ours", "8000 # ours"),
        ('ONDOL_PORT="8000" # ours', "8000# ours"),
        ("ONDOL_PORT=80\\00", "8000"),
        ("ONDOL_PORT=80\\\n00", "8000"),
        ("# ours\\\nONDOL_PORT=8000", None),
        ('ONDOL_PORT="80\n00"', "80\n00"),
        ('ONDOL_PORT="80"00', "8000"),
        (r'ONDOL_PORT="80\n00"', r"80\n00"),
        ("ONDOL_PORT=8000\nONDOL_PORT=8001", "8001"),
    ],
)
def test_what_systemd_reads_in_a_way_of_its_own_is_refused(text, systemds):
    assert systemd.read(text).get("ONDOL_PORT") == systemds
    assert env_file.parse(text, KNOWN).mistakes


def test_the_example_and_all_that_is_commented_out_in_it_can_be_read(request):
    text = (request.config.rootpath / ".env.example").read_text()
    assert env_file.parse(text, KNOWN) == env_file.EnvFile()
    wanted = "\n".join(line.removeprefix("#") for line in text.splitlines() if not line.startswith("# "))
    file = env_file.parse(wanted, KNOWN)
    assert not file.mistakes
    assert set(file.values) >= KNOWN
    assert file.values == systemd.read(wanted)


def test_mistakes_without_end_are_counted(written):
    written("nonsense\n" * 50)
    with pytest.raises(ConfigError) as error:
        config()
    assert len(str(error.value).splitlines()) == 11
    assert "40 more lines" in str(error.value)


@pytest.mark.slow
class TestCommands:
    """Every command tells it in a sentence; each test starts a process, since settings are read once in each."""

    @pytest.mark.parametrize(
        "words",
        [
            ["up"], ["web"], ["worker"], ["migrate"], ["doctor"], ["doctor", "--print-policy"], ["sweep"],
            ["localcloud"], ["user", "add", "ada@example.org"], ["token", "create", "ada@example.org"],
            ["manage", "check"],
        ],
    )  # fmt: skip
    def test_a_line_that_cannot_be_read(self, written, words):
        file = written(f"ONDOL_SSH_CIDRS: {ONE}\n")
        done = _ondol(words, file.parent, ONDOL_ENV_FILE=str(file))
        assert done.returncode == 1
        assert done.stderr.startswith(f"ondol: {file}, line 1: ONDOL_SSH_CIDRS: ")
        assert len(done.stderr.splitlines()) == 1

    def test_an_unknown_name_in_the_environment_is_warned_of(self, tmp_path):
        done = _ondol(["migrate"], tmp_path, ONDOL_IDLE_MINUTE="60", ondol_url="x", AWS_PROFILE="ada")
        warned = [line.removeprefix("ondol: WARNING: ") for line in done.stderr.splitlines() if "WARNING" in line]
        assert [line.split()[0] for line in warned] == ["ONDOL_IDLE_MINUTE", "ondol_url"]
        assert [line.split()[-1] for line in warned] == ["ONDOL_IDLE_MINUTES.", "ONDOL_URL."]


def _ondol(words, home, **more):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ONDOL_", "AWS_", "DATABASE"))}
    return subprocess.run(
        [sys.executable, "-m", "ondol", *words],
        env=kept | {"ONDOL_HOME": str(home), "ONDOL_ENV_FILE": ""} | more,
        cwd=home,
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
