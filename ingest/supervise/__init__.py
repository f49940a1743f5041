"""The process tree of ``ingest up``: parts that are restarted within bounds, and stopped in a written order.

::

    start   database ▶ serve ▶ relay ▶ consume ▶ poll     each when the one before is ready
    stop    poll ▶ consume ▶ relay ▶ serve ▶ database     each when the one before is gone

A part that ends while nobody stops it has failed, whatever its exit code. It is started again after a growing
delay; one that fails too often, or with an exit code that a restart cannot mend, brings the whole tree down,
in order, and :meth:`Supervisor.run` raises with its last words (in the second case with its exit code too).
The database is no child of ours but is watched the same way; parts that fall with it wait for it and are not
blamed.

No part can outlive the supervisor (:mod:`ingest.supervise.parent_death`), and nothing a part started outlives the
part: each has a process group of its own, which is swept when the part is gone. That also keeps a terminal's
Ctrl-C to ourselves.
"""

from ingest.supervise.restart import RestartPolicy
from ingest.supervise.tree import Process, ProcessState, Status, Supervisor
from ingest.supervise.watch import Database

__all__ = ["Database", "Process", "ProcessState", "RestartPolicy", "Status", "Supervisor"]
