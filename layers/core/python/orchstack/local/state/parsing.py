"""moto parses state machines with state that all threads share; here one parses at a time.

The query language of the scope being parsed is kept on the class: two threads that parse a JSONPath
and a JSONata machine mix their scopes, one dies, and its execution stays RUNNING for ever. What is
parsed once is kept: an execution would otherwise parse its machine again (50 to 150 ms of CPU), and
each path in it again wherever it passes (5 ms).
"""

from __future__ import annotations

import functools
import threading

from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.asl.utils import json_path

from orchstack.local.state import Moto

_parse = AmazonStateLanguageParser.parse
_lock = threading.Lock()
_KEPT = 256


def install() -> None:
    """Put the lock and the memory in front of the parser."""
    AmazonStateLanguageParser.parse = staticmethod(parse)
    for module in (json_path, result_path):
        if not hasattr(module.parse, "cache_info"):
            module.parse = functools.lru_cache(_KEPT)(module.parse)


def parse(definition: str) -> Moto:
    """Parse a state machine's definition."""
    with _lock:
        return _parse_alone(definition)


@functools.lru_cache(_KEPT)
def _parse_alone(definition: str) -> Moto:
    # A parse that failed half-way has left its scopes behind.
    Preprocessor._query_language_per_scope.clear()  # noqa: SLF001 - the state in question
    return _parse(definition)
