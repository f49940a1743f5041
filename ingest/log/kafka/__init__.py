"""The log in Apache Kafka: ``news.articles`` of a cluster, and the streams that ``relay`` copies there.

::

    append          one idempotent producer, acks of all in-sync replicas; the future of every message is checked
    poll            a member of a consumer group: range assignment, manual offset commits, reads from the earliest
                    offset for a new group, and read-committed isolation
    transaction     for the relay: one producer under a fixed transactional id; a newer one fences an older one

Calls wait for an absent broker up to ``timeout`` and then raise :class:`ingest.errors.Unavailable`. They do not wait
for a broker that refuses our credentials.
"""

from ingest.log.kafka.client import MAX_MESSAGE_BYTES
from ingest.log.kafka.log import KafkaLog
from ingest.log.kafka.member import KafkaSubscription
from ingest.log.kafka.network import Security
from ingest.log.kafka.streams import KafkaStreamTarget

__all__ = ["MAX_MESSAGE_BYTES", "KafkaLog", "KafkaStreamTarget", "KafkaSubscription", "Security"]
