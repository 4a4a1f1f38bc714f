"""Errors as AWS words them. Codes and sentences are from the EC2 API reference, errors-overview."""

from collections.abc import Iterable

from moto.core.exceptions import ServiceException


class AwsError(ServiceException):
    """An answer with a code, which botocore turns into ClientError."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)


def invalid_value(message: str) -> AwsError:
    return AwsError("InvalidParameterValue", message)


def missing(parameter: str) -> AwsError:
    return AwsError("MissingParameter", f"The request must contain the parameter {parameter}")


def combination(message: str) -> AwsError:
    return AwsError("InvalidParameterCombination", message)


def not_found(kind: str, what: str, ids: Iterable[str]) -> AwsError:
    """Return an error: `not_found("InvalidInstanceID", "instance ID", ["i-1"])`; several ids change the grammar, as in
    AWS."""
    names = sorted(ids)
    if len(names) == 1:
        return AwsError(f"{kind}.NotFound", f"The {what} '{names[0]}' does not exist")
    return AwsError(f"{kind}.NotFound", f"The {what}s '{', '.join(names)}' do not exist")


def unknown_filter(name: str) -> AwsError:
    return invalid_value(f"The filter '{name}' is invalid")


def wrong_state(message: str) -> AwsError:
    return AwsError("IncorrectInstanceState", message)
