"""The process tree of ``ingest up``: processes restarted within limits and stopped in a fixed order.

::

    start   database ▶ serve ▶ relay ▶ consume ▶ poll     each when its predecessor is ready
    stop    poll ▶ consume ▶ relay ▶ serve ▶ database     each when its predecessor has exited

A process that exits without a stop request has failed, whatever its exit code. The supervisor restarts it after a
growing delay. If it fails too often, or with an exit code that a restart cannot mend, the supervisor stops the whole
tree in order, and :meth:`Supervisor.run` raises with the last line of its standard error (in the second case with
its exit code too). The database is not a child process but is watched the same way. Processes that fail with the
database wait for it, and their failure does not count.

No process can outlive the supervisor (:mod:`ingest.supervise.parent_death`). No descendant outlives its process: each
process has its own process group, which is killed when the process exits. The group also keeps a terminal's Ctrl-C
away from the processes.
"""

from ingest.supervise.restart import RestartPolicy
from ingest.supervise.tree import Process, ProcessState, Status, Supervisor
from ingest.supervise.watch import Database

__all__ = ["Database", "Process", "ProcessState", "RestartPolicy", "Status", "Supervisor"]
