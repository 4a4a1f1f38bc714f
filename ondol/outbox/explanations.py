"""What an error of a session with a mail server means."""

import smtplib
import socket
import ssl

from ondol.outbox.causes import Cause, DeliveryError


def explain(error: Exception, step: Cause, *, is_late: bool, has_begun: bool) -> DeliveryError:
    """Return the error with its cause.

    `step` is the cause if the present step fails, `has_begun` whether the text of an e-mail was being sent.
    """
    if refusal := _refusal(error, step):
        return refusal
    # smtplib says "disconnected" for whatever ends a connection; the reason is in the context.
    behind = error.__context__ if isinstance(error, smtplib.SMTPServerDisconnected) else None
    told = behind if isinstance(behind, OSError) else error
    # All of smtplib's errors are OSErrors; only this one is about the network.
    is_disconnected = isinstance(error, smtplib.SMTPServerDisconnected) or not isinstance(error, smtplib.SMTPException)
    is_connecting = step is Cause.UNREACHABLE and not isinstance(error, smtplib.SMTPServerDisconnected)
    if has_begun and is_disconnected:
        return DeliveryError(Cause.UNCONFIRMED, _reason(told))
    if is_late or isinstance(told, TimeoutError):
        return DeliveryError(Cause.UNREACHABLE if is_connecting else Cause.SILENT, "" if is_late else _reason(told))
    if is_disconnected:
        return DeliveryError(_of_network(told, is_connecting=is_connecting), _reason(told))
    return DeliveryError(Cause.NO_SIGN_IN if step is Cause.SIGN_IN else step, _reason(told))


def _refusal(error: Exception, step: Cause) -> DeliveryError | None:
    """Return the error for an answer with a code, or for an e-mail that SMTP cannot carry."""
    match error:
        case smtplib.SMTPRecipientsRefused():
            code, text = next(iter(error.recipients.values()))
            return DeliveryError(Cause.RECIPIENT, answer(code, text), is_final=code >= 500)
        case smtplib.SMTPDataError():
            said = answer(error.smtp_code, error.smtp_error)
            return DeliveryError(Cause.CONTENT, said, is_final=error.smtp_code >= 500)
        case smtplib.SMTPResponseException():
            cause = Cause.SENDER if isinstance(error, smtplib.SMTPSenderRefused) else step
            return DeliveryError(cause, answer(error.smtp_code, error.smtp_error))
        case smtplib.SMTPNotSupportedError() | ValueError() if step is Cause.BROKEN_OFF:
            return DeliveryError(Cause.ADDRESS, str(error), is_final=True)
    return None


def _of_network(told: Exception, *, is_connecting: bool) -> Cause:
    match told:
        case socket.gaierror():
            return Cause.NO_ADDRESS
        case ssl.SSLCertVerificationError():
            return Cause.CERTIFICATE
        case ssl.SSLError():
            return Cause.TLS
    return Cause.UNREACHABLE if is_connecting else Cause.BROKEN_OFF


def answer(code: int, text: bytes | str) -> str:
    """Return the server's answer on one line."""
    shown = text.decode(errors="replace") if isinstance(text, bytes) else text
    return f"{code} {''.join(letter if letter.isprintable() else ' ' for letter in shown)}"


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
