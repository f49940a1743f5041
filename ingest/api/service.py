"""What operators and clients ask about the service itself: health, metrics, status, schemas."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response

from ingest import wire
from ingest.alerts import alert_schema
from ingest.api.metrics import CONTENT_TYPE, Metrics
from ingest.api.openapi import document
from ingest.api.parameters import query_parameters
from ingest.api.responses import Json, public
from ingest.api.threads import Threads
from ingest.db.status import Status
from ingest.errors import IngestError
from ingest.response_bodies import status_body
from ingest.streams import event_schema

logger = logging.getLogger(__name__)


class ServiceRoutes:
    """Handlers that tell about the service."""

    def __init__(
        self,
        threads: Threads,
        metrics: Metrics,
        *,
        checks: Mapping[str, Callable[[], object]],
        status: Callable[[], Status],
    ) -> None:
        self._threads = threads
        self._metrics = metrics
        self._checks = checks
        self._status = status

    async def alive(self, request: Request) -> Response:
        """This process answers; nothing else is asked."""
        query_parameters(request)
        return Json({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """200 where every check passes; 503 with the reason of each that does not."""
        query_parameters(request)
        found = await self._threads.run(self._check)
        passed = all(answer == "ok" for answer in found.values())
        return Json({"status": "ok" if passed else "not ready", "checks": found}, 200 if passed else 503)

    def _check(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, check in self._checks.items():
            try:
                check()
            except IngestError as error:
                logger.warning("not ready: %s: %s", name, error)
                found[name] = public(error)
            else:
                found[name] = "ok"
        return found

    async def metrics(self, request: Request) -> Response:
        query_parameters(request)
        return Response(await self._threads.run(self._metrics.exposition), media_type=CONTENT_TYPE)

    async def status(self, request: Request) -> Response:
        query_parameters(request)
        return Json(status_body(await self._threads.run(self._status)))

    async def schema(self, request: Request) -> Response:
        query_parameters(request)
        return Json({"article": wire.json_schema(), "event": event_schema(), "alert": alert_schema()})

    async def openapi(self, request: Request) -> Response:
        query_parameters(request)
        return Json(document())
