"""Errors of AWS are named by the next move, and no secret is shown on the way."""

import pytest
from botocore.exceptions import (
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.parsers import ResponseParserError

from ondol.cloud import errors
from ondol.cloud.aws_errors import TABLE, kind_of
from ondol.cloud.errors import CloudError, NoCapacity, Quota, Refused, Spent, Throttled, Unreachable
from tests.cloud.script import Refusal, Script

URL = "https://ec2.ap-northeast-2.amazonaws.com"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("InsufficientInstanceCapacity", NoCapacity),
        ("VcpuLimitExceeded", Quota),
        ("InstanceLimitExceeded", Quota),
        ("InsufficientFreeAddressesInSubnet", Quota),
        ("SecurityGroupLimitExceeded", Quota),
        ("KeyPairLimitExceeded", Quota),
        ("VolumeLimitExceeded", Quota),
        ("MaxIOPSLimitExceeded", Quota),
        ("LimitExceeded", Quota),
        ("RequestLimitExceeded", Throttled),
        ("EC2ThrottledException", Throttled),
        ("Throttling", Throttled),
        ("ThrottlingException", Throttled),
        ("UnauthorizedOperation", Refused),
        ("AccessDenied", Refused),
        ("OptInRequired", Refused),
        ("PendingVerification", Refused),
        ("Blocked", Refused),
        ("InvalidAMIID.NotFound", Refused),
        ("InvalidSubnetID.NotFound", Refused),
        ("InvalidVpcID.NotFound", Refused),
        ("InvalidParameterCombination", Refused),
        ("InvalidParameterValue", Refused),
        ("Unsupported", Refused),
        ("OperationNotPermitted", Refused),
        ("AuthFailure", Unreachable),
        ("InvalidClientTokenId", Unreachable),
        ("SignatureDoesNotMatch", Unreachable),
        ("RequestExpired", Unreachable),
        ("ExpiredToken", Unreachable),
        ("IncorrectInstanceState", errors.NotYet),
        ("DependencyViolation", errors.NotYet),
        ("InvalidInstanceID.NotFound", errors.Gone),
        ("InvalidGroup.NotFound", errors.Gone),
        ("InvalidGroup.Duplicate", errors.AlreadyThere),
        ("InvalidKeyPair.Duplicate", errors.AlreadyThere),
        ("InvalidPermission.Duplicate", errors.AlreadyThere),
        ("IdempotentParameterMismatch", Spent),
        ("IdempotentInstanceTerminated", Spent),
    ],
)
@pytest.mark.parametrize("http_status", [400, 503])
def test_every_code_that_we_know_has_one_meaning(code, kind, http_status):
    assert kind_of(code, http_status) is kind


@pytest.mark.parametrize(
    ("http_status", "kind"),
    [(400, Refused), (403, Refused), (404, Refused), (408, Unreachable), (429, Throttled), (500, Unreachable),
     (503, Unreachable), (302, Unreachable), (None, Unreachable)],
)  # fmt: skip
def test_a_code_that_we_do_not_know_is_judged_by_its_status(http_status, kind):
    assert kind_of("SomethingNew", http_status) is kind


def test_a_new_quota_is_a_quota():
    assert kind_of("WarmRoomsLimitExceeded", 400) is Quota


def test_the_table_uses_every_class():
    assert set(TABLE.values()) == set(CloudError.__subclasses__())


# --- on the way ------------------------------------------------------------------------------------------------------
def caught(script: Script, trouble: Refusal | Exception) -> CloudError:
    script.answers["CreateKeyPair"] = [trouble]
    with pytest.raises(CloudError) as error:
        script.cloud.create_key("ondol-row-1", {})
    assert error.value.__context__ is None, "a chained SDK error would show AWS's answer in a traceback"
    assert error.value.__cause__ is None
    return error.value


@pytest.mark.parametrize(
    "trouble",
    [
        EndpointConnectionError(endpoint_url=URL),
        ConnectTimeoutError(endpoint_url=URL),
        ReadTimeoutError(endpoint_url=URL),
        NoCredentialsError(),
    ],
)
def test_no_answer_and_no_credentials_are_unreachable(script, trouble):
    error = caught(script, trouble)
    assert type(error) is Unreachable
    assert error.code == type(trouble).__name__


def test_an_answer_that_cannot_be_read_is_not_repeated(script):
    trouble = ResponseParserError("invalid XML received:\n<keyMaterial>-----BEGIN RSA PRIVATE KEY-----")
    assert "PRIVATE KEY" not in str(caught(script, trouble))


def test_our_own_mistake_is_told(script):
    error = caught(script, ParamValidationError(report="Missing required parameter: KeyName"))
    assert type(error) is Refused
    assert "KeyName" in error.text


def test_a_signature_is_not_repeated(script):
    message = "The Canonical String should have been 'POST\nx-amz-security-token:IQoJb3JpZ2luX2VjE'"
    error = caught(script, Refusal("SignatureDoesNotMatch", message, 403))
    assert str(error) == "SignatureDoesNotMatch"


def test_the_encoded_message_is_left_out(script):
    message = "You are not authorized to perform this operation. Encoded authorization failure message: 4mDBPv0a"
    error = caught(script, Refusal("UnauthorizedOperation", message, 403))
    assert error.text == "You are not authorized to perform this operation."


def test_a_long_text_is_cut(script):
    assert len(caught(script, Refusal("InvalidParameterValue", "x" * 10_000)).text) == 300
