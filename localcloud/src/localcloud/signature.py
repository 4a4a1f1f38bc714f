"""Checks that a request is signed with our credentials: AWS Signature Version 4, as the SDKs send it in a header.

Anyone on this computer can reach a loopback port; only those who may read the home's environment.json can sign.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote

#: AWS refuses larger differences. Real time: the SDK signs with the computer's clock, not with the trial's
LARGEST_SKEW = 15 * 60


class BadSignature(Exception):
    """An invalid signature; `code` is that of STS, since EC2 has codes of its own."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Credential:
    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str


@dataclass(frozen=True)
class Message:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes


def read(authorization: str) -> Credential:
    """Return the credential of a SigV4 header. Raises BadSignature for anything else."""
    scheme, _, rest = authorization.partition(" ")
    fields = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    scope = fields.get("Credential", "").split("/")
    if scheme != "AWS4-HMAC-SHA256" or len(scope) != 5 or scope[4] != "aws4_request":
        raise BadSignature("MissingAuthenticationToken", "Request is missing Authentication Token")
    headers = tuple(fields.get("SignedHeaders", "").split(";"))
    return Credential(scope[0], scope[1], scope[2], scope[3].lower(), headers, fields.get("Signature", ""))


def check(message: Message, credential: Credential, access_key_id: str, secret: str, region: str) -> None:
    if credential.access_key_id != access_key_id:
        raise BadSignature("InvalidClientTokenId", "The security token included in the request is invalid.")
    if credential.region != region:
        raise BadSignature(
            "SignatureDoesNotMatch", f"Credential should be scoped to a valid region, not '{credential.region}'."
        )
    stamp = message.headers.get("x-amz-date", "")
    _check_time(stamp)
    expected = _signature(message, credential, stamp, secret)
    if not hmac.compare_digest(expected, credential.signature):
        raise BadSignature(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method.",
        )


def _check_time(stamp: str) -> None:
    try:
        signed = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        raise BadSignature("IncompleteSignature", "Date must be in ISO-8601 'basic format'.") from None
    if abs(time.time() - signed) > LARGEST_SKEW:
        raise BadSignature("SignatureDoesNotMatch", f"Signature expired or not yet current: {stamp}")


def _signature(message: Message, credential: Credential, stamp: str, secret: str) -> str:
    scope = f"{credential.date}/{credential.region}/{credential.service}/aws4_request"
    digest = hashlib.sha256(_canonical(message, credential).encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}"
    key = f"AWS4{secret}".encode()
    for part in (credential.date, credential.region, credential.service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, text.encode(), "sha256").hex()


def _canonical(message: Message, credential: Credential) -> str:
    pairs = sorted((quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in parse_qsl(message.query, True))
    headers = "".join(
        f"{name}:{' '.join(message.headers.get(name, '').split())}\n" for name in credential.signed_headers
    )
    payload = message.headers.get("x-amz-content-sha256") or hashlib.sha256(message.body).hexdigest()
    return "\n".join(
        [
            message.method,
            quote(message.path, safe="/-_.~"),
            "&".join(f"{key}={value}" for key, value in pairs),
            headers,
            ";".join(credential.signed_headers),
            payload,
        ]
    )
