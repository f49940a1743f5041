"""Connections to the brokers: how they are secured, and why one could not be had."""

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

REFUSALS: Final = (IllegalSaslStateError, SaslAuthenticationFailedError, UnsupportedSaslMechanismError)
"""What a broker answers that does not let us in; asking again changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """How brokers are spoken to. What goes with what is for the settings to check."""

    protocol: str = "PLAINTEXT"
    mechanism: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    cafile: Path | None = None
    """Who signs the brokers' certificates; None: whom this machine trusts."""

    def options(self) -> dict[str, Any]:
        """As clients take it."""
        return {
            "security_protocol": self.protocol,
            "sasl_mechanism": self.mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password,
            "ssl_cafile": None if self.cafile is None else str(self.cafile),
        }


OPEN: Final = Security()
"""Neither encrypted nor with a log-in."""


class Connections(KafkaConnectionManager):
    """The client's connections, which tell why none could be had at its start.

    The client itself (kafka-python 3.0) only says that it could not: a failure in its first exchange with a broker
    is logged and forgotten, and one that refuses our password is asked again until the time is over. What a broker
    said last is dropped where its end of the connection is read with it, and that is how it refuses: it answers and
    closes at once. A client that is slow to read would never be told.
    """

    def __init__(self, net: Any, **configs: Any) -> None:
        super().__init__(net, **configs)  # type: ignore[no-untyped-call]
        self.failure: BaseException | None = None

    def get_connection(self, node_id: Any, *options: Any, **named: Any) -> Any:
        if not self.bootstrapped and isinstance(self.failure, REFUSALS):
            raise self.failure
        connection = super().get_connection(node_id, *options, **named)  # type: ignore[no-untyped-call]
        if not self.bootstrapped:
            connection.init_future.add_errback(self._remember)
        return connection

    async def _build_transport(self, node: Any, timeout_at: float | None = None) -> Any:
        transport = await super()._build_transport(node, timeout_at=timeout_at)  # type: ignore[no-untyped-call]
        receive = transport._sock_recv  # noqa: SLF001

        def to_the_last() -> tuple[bytes, Exception | None]:
            received, failure = receive()
            return received, None if received else failure  # which the next reading meets again

        transport._sock_recv = to_the_last  # noqa: SLF001
        return transport

    def _remember(self, failure: BaseException) -> None:
        self.failure = failure


def open_network(**configs: Any) -> tuple[KafkaNetClient, Connections]:
    """What a client is built on, and the connections in it."""
    net = NetworkSelector(**configs)
    connections = Connections(net, **configs)
    return KafkaNetClient(net=net, manager=connections, **configs), connections
