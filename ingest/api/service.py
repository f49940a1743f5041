"""Handlers of the service itself: health, metrics, status, schemas."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from ingest import wire
from ingest.alerts import alert_schema
from ingest.api.metrics import CONTENT_TYPE, Metrics
from ingest.api.openapi import describe_api
from ingest.api.parameters import query_parameters
from ingest.api.responses import Json, public
from ingest.api.threads import Threads
from ingest.db.status import Status
from ingest.errors import IngestError
from ingest.response_bodies import status_body
from ingest.streams import event_schema

logger = logging.getLogger(__name__)

OK: Final = "ok"


class ServiceRoutes:
    """Handlers that report the state of the service."""

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
        """Respond with 200: the process serves requests. Nothing else is checked."""
        query_parameters(request)
        return Json({"status": OK})

    async def ready(self, request: Request) -> Response:
        """Respond with 200 if every check passes, else 503 with the reason of each failed check."""
        query_parameters(request)
        results = await self._threads.run(self._check)
        passed = all(result == OK for result in results.values())
        return Json({"status": OK if passed else "not ready", "checks": results}, 200 if passed else 503)

    def _check(self) -> dict[str, str]:
        results: dict[str, str] = {}
        for name, check in self._checks.items():
            try:
                check()
            except IngestError as error:
                logger.warning("not ready: %s: %s", name, error)
                results[name] = public(error)
            else:
                results[name] = OK
        return results

    async def metrics(self, request: Request) -> Response:
        """Respond with the metrics in the text format of Prometheus."""
        query_parameters(request)
        return Response(await self._threads.run(self._metrics.exposition), media_type=CONTENT_TYPE)

    async def status(self, request: Request) -> Response:
        """Respond with counts and lags."""
        query_parameters(request)
        return Json(status_body(await self._threads.run(self._status)))

    async def schema(self, request: Request) -> Response:
        """Respond with the JSON Schemas of articles, events and alerts."""
        query_parameters(request)
        return Json({"article": wire.json_schema(), "event": event_schema(), "alert": alert_schema()})

    async def openapi(self, request: Request) -> Response:
        """Respond with the OpenAPI document."""
        query_parameters(request)
        return Json(describe_api())
