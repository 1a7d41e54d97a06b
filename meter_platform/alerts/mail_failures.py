"""What is said where a mail server is away, or refuses a message: which setting to look at, and never a password.

What belongs here: sentences for every way in which SMTP fails. What does not: SMTP itself (`mail.py`).
"""

import smtplib
import ssl

from meter_platform.alerts.errors import UndeliverableError
from meter_platform.redaction import HIDDEN, quoted
from meter_platform.settings import variable


def explained(error: OSError, server: str, *, seconds: float, password: str) -> UndeliverableError:
    """What to say of an error of `smtplib`, `ssl` or a socket.

    Args:
        error: as it was raised; those of `smtplib` are of this type, too.
        server: host and port.
        seconds: that each answer was waited for.
        password: that was sent to the server, which may repeat it.
    """
    if isinstance(error, smtplib.SMTPException) and not isinstance(error, smtplib.SMTPServerDisconnected):
        return UndeliverableError(f"{server} {_refusal(error, password)}")
    return UndeliverableError(_absence(error, server, seconds))


def reply(code: int, text: bytes | str, password: str = "") -> str:
    """What a server said, as a short quotation."""
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code} {quoted(said.replace(password, HIDDEN) if password else said)}"


def _refusal(error: smtplib.SMTPException, password: str) -> str:
    url = variable("alerts_smtp_url")
    if isinstance(error, smtplib.SMTPAuthenticationError):
        said = reply(error.smtp_code, error.smtp_error, password)
        return f"refused the login: {said}. Look at user and password in {url}."
    if isinstance(error, smtplib.SMTPNotSupportedError):
        what = "a login" if "AUTH" in str(error) else "STARTTLS"
        return (
            f"does not offer {what}: use the scheme smtps in {url} where it speaks TLS from the start, ?tls=no where it is "
            "one of your own that wants neither TLS nor login, or another port."
        )
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        said = "; ".join(f"{address}: {reply(*answer, password)}" for address, answer in error.recipients.items())
        return (
            f"refused every address ({said}). Look at {variable('alerts_email_to')}, and at whether the server wants a "
            "login."
        )
    if isinstance(error, smtplib.SMTPSenderRefused):
        said = reply(error.smtp_code, error.smtp_error, password)
        return (
            f"refused the sender {error.sender}: {said}. Look at {variable('alerts_email_from')}, and at whether the "
            "server wants a login."
        )
    if isinstance(error, smtplib.SMTPResponseException):
        return f"refused the message: {reply(error.smtp_code, error.smtp_error, password)}."
    return f"did not take the message: {type(error).__name__}."


def _absence(error: OSError, server: str, seconds: float) -> str:
    url = variable("alerts_smtp_url")
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"The certificate of {server} cannot be trusted: {error.verify_message}. Where it is of an authority of your "
            "own, name the file with its certificate in SSL_CERT_FILE."
        )
    if isinstance(error, ssl.SSLError):
        return f"{server} does not speak TLS from the start: use the scheme smtp in {url}, or another port."
    # smtplib tells of an answer that does not come as of a connection that ended.
    if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
        return f"{server} did not answer within {seconds:.0f} seconds."
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return (
            f"{server} ended the connection without an answer: is it a mail server, and does {url} say rightly whether "
            "it speaks TLS from the start (smtps)?"
        )
    return f"{server} cannot be reached: {error.strerror or type(error).__name__}."
