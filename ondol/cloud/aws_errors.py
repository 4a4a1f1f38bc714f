"""What AWS's error codes mean for us: one table, from code to error class."""

from ondol.aws_codes import is_of_capacity, is_of_limit
from ondol.cloud.errors import (
    AlreadyThere,
    CloudError,
    Gone,
    NoCapacity,
    NotYet,
    Quota,
    Refused,
    Spent,
    Throttled,
    Unreachable,
)

_CODES: dict[type[CloudError], str] = {
    Gone: """
        InvalidInstanceID.NotFound InvalidGroup.NotFound InvalidGroupId.NotFound InvalidSecurityGroupID.NotFound
        InvalidKeyPair.NotFound InvalidPermission.NotFound InvalidVolume.NotFound ParameterNotFound ResourceNotFound
        ResourceNotFoundException EC2InstanceNotFoundException
        """,
    AlreadyThere: "InvalidGroup.Duplicate InvalidKeyPair.Duplicate InvalidPermission.Duplicate",
    NotYet: """
        IncorrectInstanceState IncorrectState DependencyViolation InvalidGroup.InUse VolumeInUse
        EC2InstanceStateInvalidException EC2InstanceUnavailableException
        """,
    Throttled: """
        RequestLimitExceeded BandwidthLimitExceeded EC2ThrottledException RequestThrottled RequestThrottledException
        SlowDown ThrottledException Throttling ThrottlingException TooManyRequestsException
        """,
    # Nothing was done. Somebody may correct credentials or a clock at any time: ask again, never give up.
    Unreachable: """
        AuthFailure ExpiredToken ExpiredTokenException IncompleteSignature InternalError InternalFailure
        InvalidClientTokenId MissingAuthenticationToken RequestExpired RequestTimeout RequestTimeoutException
        ServiceUnavailable SignatureDoesNotMatch Unavailable UnrecognizedClientException
        """,
    Spent: "IdempotentInstanceTerminated IdempotentParameterMismatch",
    NoCapacity: """
        InsufficientAddressCapacity InsufficientCapacity InsufficientHostCapacity InsufficientInstanceCapacity
        InsufficientVolumeCapacity
        """,
    # Besides every code that ends like a limit
    Quota: "InsufficientFreeAddressesInSubnet LimitExceededException LimitExceededFault ResourceCountExceeded",
    Refused: """
        AccessDenied AccessDeniedException Blocked FilterLimitExceeded ImageArchitecture IncorrectModificationState
        InvalidAMIID.Malformed InvalidAMIID.NotFound InvalidAMIID.Unavailable InvalidInstanceAttributeValue
        InvalidKey.Format InvalidKeyPair.Format InvalidKeyPair.FormatError InvalidParameterCombination
        InvalidParameterValue InvalidSubnetID.NotFound InvalidVpcID.NotFound KeyFingerprint OperationNotPermitted
        OptInRequired PendingVerification UnauthorizedOperation Unsupported VolumeModificationRateExceeded
        """,
}
TABLE: dict[str, type[CloudError]] = {code: kind for kind, codes in _CODES.items() for code in codes.split()}

NOT_TAKEN = frozenset({
    "InvalidParameterCombination", "InvalidParameterValue", "ParamValidation", "UnknownParameter", "ValidationError",
    "ValidationException",
})  # fmt: skip
"""Codes that mean: a parameter, or its value, is not accepted."""
_SILENT = frozenset({"SignatureDoesNotMatch", "IncompleteSignature"})
"""The messages of these codes repeat the signed request, session token included."""
_ENCODED = "Encoded authorization failure message:"


def kind_of(code: str, http_status: int | None) -> type[CloudError]:
    """Return the class for an error code; an unknown one is judged by its HTTP status."""
    if code in TABLE:
        return TABLE[code]
    if is_of_limit(code):
        return Quota
    if is_of_capacity(code):
        return NoCapacity
    if http_status == 429:
        return Throttled
    if http_status is not None and 400 <= http_status < 500 and http_status != 408:
        return Refused
    return Unreachable


def named(code: str, message: str, http_status: int | None) -> CloudError:
    """Return the error to raise: AWS's text is shortened for the log, without secrets."""
    text = "" if code in _SILENT else message.partition(_ENCODED)[0].strip()[:300]
    return kind_of(code, http_status)(code, text)
