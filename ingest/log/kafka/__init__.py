"""The log in Apache Kafka: ``news.articles`` of a cluster, and the streams that ``relay`` copies there.

::

    append          one idempotent producer, acks of all in-sync replicas, every message's own future asked
    poll            a group member: the partitions are shared by range, offsets committed by hand, the first
                    offset of all for a new group, and nothing of a transaction that did not commit
    transaction     of the relay: one producer under a fixed name; a newer one fences an older one for good

A broker that is away is waited for, ``patience`` long; then calls raise :class:`ingest.errors.Unavailable`. One that
refuses our log-in is not waited for.
"""

from ingest.log.kafka.client import MAX_MESSAGE_BYTES
from ingest.log.kafka.log import KafkaLog
from ingest.log.kafka.member import KafkaSubscription
from ingest.log.kafka.network import Security
from ingest.log.kafka.streams import KafkaStreamTarget

__all__ = ["MAX_MESSAGE_BYTES", "KafkaLog", "KafkaStreamTarget", "KafkaSubscription", "Security"]
