"""DATABASE_URL is read as PostgreSQL's own programs read it, and no piece of a password is ever shown."""

import pytest

from ondol.database.url import read


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://dana:hunt@er2@127.0.0.1:9/ondol",
        "postgresql://dana:hunt/er2@127.0.0.1:9/ondol",
        "postgresql://dana:hunt#er2@127.0.0.1:9/ondol",
        "postgresql://dana:hunt?er2@127.0.0.1:9/ondol",
        "postgresql://dana:hunt%er2@127.0.0.1:9/ondol",
        "postgresql://dana:hunter2@127.0.0.1:port/ondol",
        "postgresql://dana:hunter2@127.0.0.1:99999/ondol",
        "postgresql://dana:hunter2@a:1,b:port/ondol",
        "postgresql://dana:hunter2@a,b/ondol?port=1,2,3",
        "postgresql://dana:hunter2@a/ondol?schema=public",
        "postgresql://dana:hunter2@a/",
        "mysql://dana:hunter2@a/ondol",
    ],
)
def test_an_address_that_cannot_be_read_is_refused_without_its_password(url):
    with pytest.raises(ValueError, match=r"PASSWORD|port|parameter") as error:
        read(url)
    assert "hunt" not in str(error.value)
    assert "er2" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "host", "port", "wanted"),
    [
        ("postgresql://dana:hunt%40er2@[::1]:5432/ondol", "::1", "5432", None),
        ("postgresql:///ondol?host=/a%20b", "/a b", None, None),
        ("postgres://dana@a:1,b:2/ondol", "a,b", "1,2", "read-write"),
        ("postgresql://dana@/ondol?host=a,b&port=1,2", "a,b", "1,2", "read-write"),
        ("postgresql://dana@/ondol?host=a,b&port=7", "a,b", "7", "read-write"),
        ("postgresql://a,b:2/ondol", "a,b", ",2", "read-write"),
        ("postgresql://[::1]:1,[::2]:2/ondol", "::1,::2", "1,2", "read-write"),
        ("postgresql://a,b/ondol?target_session_attrs=any", "a,b", ",", "any"),
    ],
)
def test_one_host_or_several_in_either_spelling(url, host, port, wanted):
    found = read(url)
    assert (found["host"], found.get("port"), found.get("target_session_attrs")) == (host, port, wanted)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_all_hosts_together_may_take_no_longer_than_a_page_can_wait(count):
    hosts = ",".join("abcde"[:count])
    assert int(read(f"postgresql://{hosts}/ondol")["connect_timeout"]) * count <= 10
    assert read(f"postgresql://{hosts}/ondol?connect_timeout=3")["connect_timeout"] == "3"
