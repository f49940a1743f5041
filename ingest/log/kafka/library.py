"""The only import of kafka-python: on Python 3.11 and 3.12 the library loads its schemas by a deprecated function."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
    from kafka.admin import ConfigResource, OffsetSpec
    from kafka.errors import (
        CommitFailedError,
        IllegalGenerationError,
        IllegalSaslStateError,
        KafkaError,
        KafkaTimeoutError,
        RebalanceInProgressError,
        SaslAuthenticationFailedError,
        TopicAlreadyExistsError,
        UnknownBrokerIdError,
        UnknownMemberIdError,
        UnsupportedSaslMechanismError,
    )
    from kafka.net.compat import KafkaNetClient
    from kafka.net.manager import KafkaConnectionManager
    from kafka.net.selector import NetworkSelector
    from kafka.protocol.consumer import IsolationLevel

__all__ = [
    "CommitFailedError",
    "ConfigResource",
    "IllegalGenerationError",
    "IllegalSaslStateError",
    "IsolationLevel",
    "KafkaAdminClient",
    "KafkaConnectionManager",
    "KafkaConsumer",
    "KafkaError",
    "KafkaNetClient",
    "KafkaProducer",
    "KafkaTimeoutError",
    "NetworkSelector",
    "OffsetAndMetadata",
    "OffsetSpec",
    "RebalanceInProgressError",
    "SaslAuthenticationFailedError",
    "TopicAlreadyExistsError",
    "TopicPartition",
    "UnknownBrokerIdError",
    "UnknownMemberIdError",
    "UnsupportedSaslMechanismError",
]
