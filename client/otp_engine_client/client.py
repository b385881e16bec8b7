"""The client for sync programs."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Literal, Self, TypeVar

import httpx

from otp_engine_client import calls
from otp_engine_client.calls import Call
from otp_engine_client.connection import (
    CONNECTIONS_TRIED,
    DEFAULT_TIMEOUT,
    Connection,
    translated_errors,
)
from otp_engine_client.proofs import Expectation, ProofKeys, require_token
from otp_engine_client.results import Check, Enrollment, PageLink, Proof, Send

_Result = TypeVar("_Result")


class Client:
    """A client of one service, which keeps its connections open.

    Create one for the whole program, and share it between threads. A request is sent
    once: only a connection that could not be established is tried again.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Create a client.

        Args:
            base_url: The URL of the service, such as `https://otp.example.com`.
            api_key: The secret of an API key; None in dev mode.
            timeout: Seconds to wait for a response.
            transport: Sends the requests, such as one with a proxy.

        Raises:
            ValueError: The URL or the key cannot be used.
        """
        self._connection = Connection(base_url, api_key, timeout)
        self._http = httpx.Client(
            transport=transport or httpx.HTTPTransport(retries=CONNECTIONS_TRIED),
            **self._connection.options(),
        )
        self._proof_keys: ProofKeys | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._connection.base_url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def send_otp(  # noqa: PLR0913 - the fields of the request
        self,
        phone: str | None = None,
        *,
        email: str | None = None,
        verification: str | None = None,
        bind: bool = False,
        channel: str | None = None,
        locale: str | None = None,
        client_ip: str | None = None,
        identity: str | None = None,
        vouched: bool = False,
    ) -> Send:
        """Send a code, or send a new one to the same recipient.

        Args:
            phone: The number as the person typed it.
            email: An e-mail address in place of *phone*.
            verification: The handle of a bound verification to resend.
            bind: Start a bound verification: only the returned handle can check it.
            channel: Such as `sms` or `call`; None lets the route decide.
            locale: The language of the message, such as `pt-BR`.
            client_ip: The network address of the person, which limits count.
            identity: Prefer the authenticator app of this identity.
            vouched: Vouch for the person: the send passes the pumping guard.

        Raises:
            InvalidRequest: A value is invalid: `InvalidPhone`, `InvalidEmail`.
            NotAllowed: The operator excludes it: `DestinationNotAllowed`.
            TooManyRequests: Wait for `retry_after`.
            DeliveryUnconfirmed: The code can still arrive, and `send` has the handle.
            OTPEngineError: Every other failure.
        """
        return self._call(
            calls.send_otp(
                phone,
                email=email,
                verification=verification,
                bind=bind,
                channel=channel,
                locale=locale,
                client_ip=client_ip,
                identity=identity,
                vouched=vouched,
            )
        )

    def verify_otp(
        self,
        otp: str,
        *,
        phone: str | None = None,
        email: str | None = None,
        verification: str | None = None,
        client_ip: str | None = None,
    ) -> Check:
        """Check a code.

        Args:
            otp: The code as the person typed it.
            phone: The number of the send.
            email: The e-mail address of the send.
            verification: The handle of a bound verification, in place of both.
            client_ip: The network address of the person, which limits count.

        Returns:
            The result, which is true only if the code was correct.

        Raises:
            InvalidCode: The text cannot be a code. No attempt was used.
            VerificationNotFound: The code has expired or was used: send a new one.
            TooManyAttempts: No attempts are left: send a new one later.
            OTPEngineError: Every other failure. None of them is an approval.
        """
        return self._call(
            calls.verify_otp(
                otp,
                phone=phone,
                email=email,
                verification=verification,
                client_ip=client_ip,
            )
        )

    def cancel_otp(self, verification: str) -> None:
        """Cancel a bound verification: its codes become invalid.

        Args:
            verification: The handle.

        Raises:
            VerificationNotFound: It has ended already.
            OTPEngineError: Every other failure.
        """
        return self._call(calls.cancel_otp(verification))

    def enroll_totp(
        self, identity: str, *, name: str | None = None, client_ip: str | None = None
    ) -> Enrollment:
        """Create a secret for an authenticator app, and recovery codes.

        Args:
            identity: The person: 8 to 64 letters, digits and dashes.
            name: The name of the account in the app.
            client_ip: The network address of the person, which limits count.

        Raises:
            InvalidIdentity: The identity is malformed, or could be a number.
            OTPEngineError: Every other failure.
        """
        return self._call(calls.enroll_totp(identity, name=name, client_ip=client_ip))

    def activate_totp(
        self, identity: str, otp: str, *, client_ip: str | None = None
    ) -> Check:
        """Activate an enrolled authenticator app with its first code.

        Args:
            identity: The person.
            otp: The code that the app shows.
            client_ip: The network address of the person, which limits count.

        Raises:
            FactorAlreadyVerified: The app is active already.
            EnrollmentLocked: No attempts are left: enroll again.
            OTPEngineError: Every other failure.
        """
        return self._call(calls.activate_totp(identity, otp, client_ip=client_ip))

    def verify_totp(
        self,
        identity: str,
        otp: str | None = None,
        *,
        recovery_code: str | None = None,
        client_ip: str | None = None,
    ) -> Check:
        """Check a code of an authenticator app, or a recovery code.

        Args:
            identity: The person.
            otp: The code that the app shows.
            recovery_code: A recovery code in place of *otp*.
            client_ip: The network address of the person, which limits count.

        Returns:
            The result, which is true only if the code was correct.

        Raises:
            FactorNotFound: The identity has no authenticator app.
            RateLimited: Too many failed checks: wait for `retry_after`.
            OTPEngineError: Every other failure. None of them is an approval.
        """
        return self._call(
            calls.verify_totp(
                identity, otp, recovery_code=recovery_code, client_ip=client_ip
            )
        )

    def delete_totp(self, identity: str) -> None:
        """Delete the authenticator app of a person, with the recovery codes.

        Args:
            identity: The person.

        Raises:
            FactorNotFound: The identity has no authenticator app.
            OTPEngineError: Every other failure.
        """
        return self._call(calls.delete_totp(identity))

    def create_totp_link(  # noqa: PLR0913 - the fields of the request
        self,
        identity: str,
        page: Literal["enroll", "verify"],
        *,
        name: str | None = None,
        phone: str | None = None,
        return_url: str | None = None,
        state: str | None = None,
    ) -> PageLink:
        """Create a link to the hosted page, for one person and one use.

        Args:
            identity: The person.
            page: `enroll` or `verify`.
            name: The name of the account in the app, for `enroll`.
            phone: A number that the page may send a code to instead, for `verify`.
            return_url: Where the person returns to, with a proof token.
            state: A secret of the session of the person; the `nonce` of the token.

        Raises:
            InvalidReturnURL: The service does not list the origin of *return_url*.
            OTPEngineError: Every other failure.
        """
        return self._call(
            calls.create_totp_link(
                identity,
                page,
                name=name,
                phone=phone,
                return_url=return_url,
                state=state,
            )
        )

    def check_proof(
        self,
        proof: str | None,
        *,
        audience: str,
        nonce: str | None = None,
        issuer: str | None = None,
        accept_test: bool = False,
    ) -> Proof:
        """Check a proof token with the public keys of the service.

        Accept each `id` once: store it until `expires_at`.

        Args:
            proof: The token, from `Check.proof` or from the form field `otp_proof`.
                None, which a service without OTP_PROOF_KEY returns, is not accepted.
            audience: The name of the API key; for the hosted page, your origin.
            nonce: The `state` in the session of the person, for the hosted page.
            issuer: `OTP_PUBLIC_URL` of the service, if it is set.
            accept_test: Accept sandbox numbers; never in production.

        Raises:
            InvalidProof: Do not accept it.
            OTPEngineError: The public keys could not be read.
            ImportError: PyJWT is not installed.
        """
        token = require_token(proof)
        if self._proof_keys is None:
            self._proof_keys = ProofKeys()
        if self._proof_keys.are_needed(token, time.monotonic()):
            key_set = self._call(calls.proof_keys())
            self._proof_keys.store(key_set, time.monotonic())
        expected = Expectation(audience, nonce, issuer, accept_test)
        return self._proof_keys.check(token, expected)

    def _call(self, call: Call[_Result]) -> _Result:
        with translated_errors():
            response = self._http.request(**call.request())
        return call.result(response)
