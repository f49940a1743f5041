"""A member of a group to be killed: ``python -m tests.log.member BACKEND ADDRESS TOPIC GROUP``."""

from __future__ import annotations

import sys

from tests.log.backends import open_log


def main() -> None:
    backend, address, topic, group = sys.argv[1:]
    with open_log(backend, address).subscribe(topic, group=group) as subscription:
        while True:
            for record in subscription.poll(timeout=1, limit=100):
                print(record.value.decode(), flush=True)


if __name__ == "__main__":
    main()
