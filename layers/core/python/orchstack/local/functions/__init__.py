"""The Lambda service of the local cloud: real runtimes in processes, over a real Runtime API."""

from orchstack.local.functions.invocation import Stream, StreamBroken, new_trace_id
from orchstack.local.functions.model import (
    FunctionSpec,
    FunctionStatus,
    PayloadTooBig,
    Result,
    TooManyRequests,
    UnknownFunction,
)
from orchstack.local.functions.service import FunctionService

__all__ = [
    "FunctionService",
    "FunctionSpec",
    "FunctionStatus",
    "PayloadTooBig",
    "Result",
    "Stream",
    "StreamBroken",
    "TooManyRequests",
    "UnknownFunction",
    "new_trace_id",
]
