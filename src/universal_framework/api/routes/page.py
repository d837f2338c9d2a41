"""The page at ``/`` and the metrics at ``/metrics``.

The page is one file of this package, with script and style inside; its policy allows exactly those two, by their
hashes, connections to this service, and nothing else. Metrics are Prometheus' text format, version 0.0.4; neither holds
a name of a session or a caller.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from importlib import resources
from typing import Annotated, Final

from fastapi import APIRouter, Depends
from starlette.responses import Response

from universal_framework.api.dependencies import METRICS_PATH, Services, get_services

router = APIRouter()

ServicesDep = Annotated[Services, Depends(get_services)]

_INLINE: Final = re.compile(rb"<(script|style)>(.*?)</\1>", re.DOTALL)


@functools.cache
def _page() -> tuple[bytes, str]:
    """Return the page and its policy."""
    body = resources.files("universal_framework.api").joinpath("static/index.html").read_bytes()
    hashes: dict[bytes, str] = {
        kind: f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'"
        for kind, text in _INLINE.findall(body)
    }
    policy = (
        f"default-src 'none'; script-src {hashes[b'script']}; style-src {hashes[b'style']}; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    return body, policy


@router.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
async def show_page(services: ServicesDep) -> Response:
    """Return the page, which is told where health is."""
    body, policy = _page()
    body = body.replace(b'<html lang="en">', f'<html lang="en" data-health="{services.health_prefix}">'.encode(), 1)
    return Response(body, media_type="text/html; charset=utf-8", headers={"content-security-policy": policy})


@router.api_route(METRICS_PATH, methods=["GET", "HEAD"], include_in_schema=False)
async def show_metrics(services: ServicesDep) -> Response:
    """Return all metrics."""
    text = services.monitor.prometheus_text()
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
