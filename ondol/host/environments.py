"""The environment of each part of `ondol up`: a process gets no more of it than it needs."""

from collections.abc import Mapping, MutableMapping

_PLAIN = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV")
_CLOUD = (*_PLAIN, "AWS_REGION", "ONDOL_CLOCK")
_NOT_SECRET = ("AWS_REGION", "AWS_VPC_ID", "AWS_SUBNET_ID", "AWS_ENDPOINT_URL")
OWNER = "ONDOL_DATABASE_OWNER_URL"
"""The URL of the tables' owner: for migrations, and for no long-running part."""


def forget_libpq(env: MutableMapping[str, str]) -> None:
    """Remove PGSERVICE, PGPORT and the like: they are for another database, and the embedded one needs none.

    PGAPPNAME is ours: it tells the server which part of Ondol has connected.
    """
    for name in [name for name in env if name.startswith("PG") and name != "PGAPPNAME"]:
        del env[name]


def of_cloud(env: Mapping[str, str]) -> dict[str, str]:
    """Return the trial cloud's environment.

    It runs what people type into their machines: no secrets, no credentials.
    """
    return {name: value for name, value in env.items() if name in _CLOUD or name.startswith(("LC_", "PYTHON"))}


def of_web(env: Mapping[str, str]) -> dict[str, str]:
    """Return the web part's environment, without any credentials: pages write requests and never ask AWS."""
    return without_owner(of_migrate(env))


def of_migrate(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of `ondol migrate`: the web's, and the URL of the tables' owner."""
    kept = {name: value for name, value in env.items() if not name.startswith("AWS_") or name in _NOT_SECRET}
    # This stops libraries only; systemd's unit, or one hop in EC2, keeps a process from the metadata service.
    return kept | {"AWS_EC2_METADATA_DISABLED": "true"}


def without_owner(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the URL of the tables' owner."""
    return {name: value for name, value in env.items() if name != OWNER}


def without_proxy(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without proxies, in both spellings: the trial cloud is on this host."""
    here = "127.0.0.1,localhost"
    return {name: f"{env[name]},{here}" if env.get(name) else here for name in ("no_proxy", "NO_PROXY")}


def of_worker(env: Mapping[str, str], trial: Mapping[str, str] | None) -> dict[str, str]:
    """Return the worker's environment.

    The trial's credentials are never mixed with Amazon's, whose profile or token would take precedence.
    """
    return without_owner(env) if trial is None else of_web(env) | dict(trial)
