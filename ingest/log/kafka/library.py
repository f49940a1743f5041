"""kafka-python, imported once: on Python 3.11 and 3.12 it reads its schemas through a deprecated function."""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
    from kafka.admin import ConfigResource
    from kafka.errors import (
        CommitFailedError,
        IllegalGenerationError,
        KafkaError,
        KafkaTimeoutError,
        RebalanceInProgressError,
        TopicAlreadyExistsError,
        UnknownMemberIdError,
    )
    from kafka.net.compat import KafkaNetClient

__all__ = [
    "CommitFailedError",
    "ConfigResource",
    "IllegalGenerationError",
    "KafkaAdminClient",
    "KafkaConsumer",
    "KafkaError",
    "KafkaNetClient",
    "KafkaProducer",
    "KafkaTimeoutError",
    "OffsetAndMetadata",
    "RebalanceInProgressError",
    "TopicAlreadyExistsError",
    "TopicPartition",
    "UnknownMemberIdError",
]
