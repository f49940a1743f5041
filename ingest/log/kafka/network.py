"""Connections to the brokers: their security settings, and the reason when none can be opened."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ingest.log.kafka.library import (
    IllegalSaslStateError,
    KafkaConnectionManager,
    KafkaNetClient,
    NetworkSelector,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)

AUTHENTICATION_ERRORS: Final = (
    IllegalSaslStateError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
"""Errors with which a broker refuses our credentials; a retry cannot succeed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """Protocol and credentials of broker connections. The settings check that they are consistent."""

    protocol: str = "PLAINTEXT"
    mechanism: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    cafile: Path | None = None
    """Certificate authority of the brokers; None uses this machine's trust store."""

    def options(self) -> dict[str, Any]:
        """Return the client settings."""
        return {
            "security_protocol": self.protocol,
            "sasl_mechanism": self.mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password,
            "ssl_cafile": None if self.cafile is None else str(self.cafile),
        }


PLAINTEXT: Final = Security()
"""Unencrypted and unauthenticated."""


class Connections(KafkaConnectionManager):
    """Connection manager that keeps the reason when no connection can be opened at the client's start.

    The client itself (kafka-python 3.0) reports only a timeout. It logs and drops a failure of its first exchange with
    a broker, and repeats a refused authentication until the timeout. A broker refuses by responding and closing at
    once, and the client drops a response that it reads together with the end of the connection. A slow client would
    never see the reason.
    """

    def __init__(self, net: Any, **configs: Any) -> None:
        super().__init__(net, **configs)  # type: ignore[no-untyped-call]
        self.failure: BaseException | None = None

    def get_connection(self, node_id: Any, *args: Any, **kwargs: Any) -> Any:
        if not self.bootstrapped and isinstance(self.failure, AUTHENTICATION_ERRORS):
            raise self.failure
        connection = super().get_connection(node_id, *args, **kwargs)  # type: ignore[no-untyped-call]
        if not self.bootstrapped:
            connection.init_future.add_errback(self._record_failure)
        return connection

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        transport = await super()._build_transport(node, timeout_at=timeout_at)  # type: ignore[no-untyped-call]
        receive = transport._sock_recv  # noqa: SLF001

        def receive_last_response() -> tuple[bytes, Exception | None]:
            received, failure = receive()
            return received, None if received else failure  # the next read fails again

        transport._sock_recv = receive_last_response  # noqa: SLF001
        return transport

    def _record_failure(self, failure: BaseException) -> None:
        self.failure = failure


def open_network(**configs: Any) -> tuple[KafkaNetClient, Connections]:
    """Return the network client that a Kafka client is built on, and its connections."""
    net = NetworkSelector(**configs)
    connections = Connections(net, **configs)
    return KafkaNetClient(net=net, manager=connections, **configs), connections
