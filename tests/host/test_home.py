"""ONDOL_HOME belongs to one `ondol up`, and its secrets to one person."""

import os
import stat

import pytest

from ondol.host import home


def test_a_second_owner_is_refused_until_the_first_has_gone(tmp_path):
    first = home.lock(tmp_path / "집 home")
    with pytest.raises(home.HomeError, match=r"Another `ondol up` runs on .*집 home"):
        home.lock(tmp_path / "집 home")
    os.close(first)
    os.close(home.lock(tmp_path / "집 home"))


def test_a_secret_is_made_once_and_only_its_owner_reads_it(tmp_path):
    made = home.kept(tmp_path, "secret.key", home.new_secret_key)
    assert home.kept(tmp_path, "secret.key", home.new_secret_key) == made
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]


def test_a_home_that_is_a_file_is_named(tmp_path):
    (tmp_path / "home").touch()
    with pytest.raises(home.HomeError, match=r"ONDOL_HOME=.*home cannot be used: File exists"):
        home.lock(tmp_path / "home")
