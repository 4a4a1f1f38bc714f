"""Which part of `ondol up` is told what: each process gets no more of the environment than it needs."""

from collections.abc import Mapping, MutableMapping

_PLAIN = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV")
_CLOUD = (*_PLAIN, "AWS_REGION", "ONDOL_CLOCK")
_NOT_SECRET = ("AWS_REGION", "AWS_VPC_ID", "AWS_SUBNET_ID", "AWS_ENDPOINT_URL")


def forget_libpq(env: MutableMapping[str, str]) -> None:
    """PGSERVICE, PGPORT and the like are for somebody's other database: the embedded one is found without."""
    for name in [name for name in env if name.startswith("PG")]:
        del env[name]


def of_cloud(env: Mapping[str, str]) -> dict[str, str]:
    """The trial cloud runs what people type into their machines: nothing of ours, and no credentials."""
    return {name: value for name, value in env.items() if name in _CLOUD or name.startswith(("LC_", "PYTHON"))}


def of_web(env: Mapping[str, str]) -> dict[str, str]:
    """Pages write wishes and never ask AWS: no credentials, in whatever variable the SDK finds them."""
    return {name: value for name, value in env.items() if not name.startswith("AWS_") or name in _NOT_SECRET}


def without_proxy(env: Mapping[str, str]) -> dict[str, str]:
    """The trial cloud is on this host: nobody is asked for the way there. Both spellings are in use."""
    here = "127.0.0.1,localhost"
    return {name: f"{env[name]},{here}" if env.get(name) else here for name in ("no_proxy", "NO_PROXY")}


def of_worker(env: Mapping[str, str], trial: Mapping[str, str] | None) -> dict[str, str]:
    """Credentials are a set: the trial's never mix with Amazon's, of which a profile or a token would win."""
    return dict(env) if trial is None else of_web(env) | dict(trial)
