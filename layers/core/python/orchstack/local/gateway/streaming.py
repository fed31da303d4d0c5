"""Streamed answers, relayed chunk by chunk.

https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode-lambda.html
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping

from aiohttp import web

from orchstack.kernel.plain import JsonObject
from orchstack.local.functions import Stream, StreamBroken
from orchstack.local.gateway.refusal import Refused
from orchstack.local.gateway.responses import answer_headers, answer_status

_DELIMITER = b"\0" * 8
_HEAD_LIMIT = 16 * 1024
_IDLE_S = 300


async def relay(
    request: web.Request, stream: Stream, deadline: float, common: Mapping[str, str]
) -> web.StreamResponse:
    """Send a stream on to the client until `deadline` on the loop's clock.

    Raises Refused as long as nothing was sent. After that a function that breaks off, or takes too
    long, cuts the client's connection, so that no half answer looks whole. When the client goes
    away the function runs on and its output is dropped, as on AWS.
    """
    try:
        response, first = await _opened(stream, deadline)
        response.headers.update(common)
        await _send(request, response, first, stream, deadline)
    except ConnectionError:
        stream.abandon()
    except (StreamBroken, TimeoutError):
        stream.abandon()
        if request.transport is not None:
            request.transport.abort()
    except (Refused, asyncio.CancelledError):
        stream.abandon()
        raise
    return response


async def _opened(stream: Stream, deadline: float) -> tuple[web.StreamResponse, bytes]:
    try:
        async with asyncio.timeout_at(deadline):
            raw, first = await _split(stream)
    except StreamBroken as error:
        raise Refused("DEFAULT_5XX") from error
    except TimeoutError as error:
        raise Refused("INTEGRATION_TIMEOUT") from error
    head = _document(raw)
    response = web.StreamResponse(status=answer_status(head), headers=answer_headers(head))
    return response, first


async def _split(stream: Stream) -> tuple[bytes, bytes]:
    received = b""
    async for chunk in stream:
        received += chunk
        head, found, first = received.partition(_DELIMITER)
        if found:
            return head, first
        if len(received) > _HEAD_LIMIT:
            break
    raise Refused("DEFAULT_5XX")


def _document(raw: bytes) -> JsonObject:
    try:
        head = json.loads(raw)
    except ValueError as error:
        raise Refused("DEFAULT_5XX") from error
    if not isinstance(head, dict):
        raise Refused("DEFAULT_5XX")
    return head


async def _send(
    request: web.Request,
    response: web.StreamResponse,
    first: bytes,
    stream: Stream,
    deadline: float,
) -> None:
    clock = asyncio.get_running_loop().time
    await response.prepare(request)
    async with asyncio.timeout_at(min(deadline, clock() + _IDLE_S)) as patience:
        if first:
            await response.write(first)
        async for chunk in stream:
            await response.write(chunk)
            patience.reschedule(min(deadline, clock() + _IDLE_S))
        await response.write_eof()
