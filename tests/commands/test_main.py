"""Errors on the command line are a sentence, never a stack trace."""

import os
import subprocess
import sys

import pytest

from ondol import __version__
from ondol.commands import WORDS, main

NOBODY_THERE = "postgresql://alice:secret@127.0.0.1:1/ondol"


def ondol(*words, home, **env):
    """Run a command of a person who has set nothing else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ONDOL_", "AWS_", "DATABASE"))}
    env = kept | {"ONDOL_HOME": str(home), "ONDOL_ENV_FILE": ""} | env
    return subprocess.run(
        [sys.executable, "-m", "ondol", *words], env=env, cwd=home, text=True, capture_output=True, timeout=60
    )


def told(done):
    """Return the one sentence on stderr."""
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    (sentence,) = done.stderr.splitlines()
    return sentence.removeprefix("ondol: ")


@pytest.mark.parametrize("word", WORDS)
def test_every_command_explains_itself(word, capsys):
    with pytest.raises(SystemExit) as end:
        main([word, "--help"])
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: ondol {word}")


def test_the_version_is_told(capsys):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"ondol {__version__}\n"


@pytest.mark.parametrize("words", [[], ["dance"], ["up", "--speed", "soon"], ["up", "--speed", "0"], ["user"]])
def test_a_wrong_word_or_option_is_code_2(words, capsys):
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert "error:" in capsys.readouterr().err


@pytest.mark.slow
class TestSentences:
    """Sentences; each test starts a process, since settings are read once in each."""

    def test_a_wrong_setting(self, tmp_path):
        done = ondol("up", home=tmp_path, ONDOL_IDLE_MINUTES="soon")
        assert told(done).startswith("ONDOL_IDLE_MINUTES=soon: ")

    @pytest.mark.parametrize("word", ["web", "worker", "migrate"])
    def test_no_database_is_set(self, tmp_path, word):
        assert "DATABASE_URL is not set" in told(ondol(word, home=tmp_path))

    @pytest.mark.parametrize("words", [["migrate"], ["manage", "migrate"], ["user", "add", "alice@example.org"]])
    def test_postgresql_does_not_answer(self, tmp_path, words):
        secrets = {name: os.environ[name] for name in ("ONDOL_SECRET_KEY", "ONDOL_VAULT_KEYS")}
        sentence = told(ondol(*words, home=tmp_path, DATABASE_URL=NOBODY_THERE, **secrets))
        assert "Connection refused" in sentence
        assert "secret" not in sentence

    def test_amazon_without_a_network(self, tmp_path):
        assert told(ondol("up", home=tmp_path, ONDOL_CLOUD="aws")).startswith("AWS_VPC_ID is not set")

    def test_amazons_clock_cannot_be_made_faster(self, tmp_path):
        assert "--speed is for the trial" in told(ondol("up", "--speed", "60", home=tmp_path, ONDOL_CLOUD="aws"))

    def test_a_home_that_cannot_be_one(self, tmp_path):
        (tmp_path / "file").touch()
        assert "cannot be used" in told(ondol("up", "--home", str(tmp_path / "file"), home=tmp_path))


@pytest.mark.parametrize("many", ["1", "0", "-3", "two", "２"])
def test_a_worker_does_two_jobs_at_once_at_least(many, capsys):
    with pytest.raises(SystemExit) as end:
        main(["worker", f"--concurrency={many}"])
    assert end.value.code == 2
    assert f"{many}: use a whole number from 2 on" in capsys.readouterr().err
