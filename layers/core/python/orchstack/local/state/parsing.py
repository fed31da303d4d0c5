"""moto parses state machines with state that all threads share; here one parses at a time.

The query language of the scope being parsed is kept on the class: two threads that parse a JSONPath
and a JSONata machine mix their scopes, one dies, and its execution stays RUNNING for ever. What is
parsed once is kept: an execution would otherwise parse its machine again (50 to 150 ms of CPU).
"""

from __future__ import annotations

import functools
import threading

from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor

from orchstack.local.state import Moto

_parse = AmazonStateLanguageParser.parse
_lock = threading.Lock()


def install() -> None:
    """Put the lock and the memory in front of the parser."""
    AmazonStateLanguageParser.parse = staticmethod(parse)


def parse(definition: str) -> Moto:
    """Parse a state machine's definition."""
    with _lock:
        return _parse_alone(definition)


@functools.lru_cache(256)
def _parse_alone(definition: str) -> Moto:
    # A parse that failed half-way has left its scopes behind.
    Preprocessor._query_language_per_scope.clear()  # noqa: SLF001 - the state in question
    return _parse(definition)
