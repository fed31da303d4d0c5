"""The functions as the state half sees them: to be run and waited for, or submitted."""

from __future__ import annotations

from concurrent.futures import CancelledError

from orchstack.local.async_invocations import AsyncInvocations
from orchstack.local.functions import FunctionService, FunctionSpec, Result, UnknownFunction
from orchstack.local.functions.failures import stopped

_STOPPED = Result(stopped().body(), "Unhandled")


class LocalFunctions:
    """Joins the function service, once there is one, with asynchronous invocation."""

    def __init__(self) -> None:
        """Begin without a function service: moto needs this before that has its endpoints."""
        self.asynchronous = AsyncInvocations(self.invoke)
        self.specs: dict[str, FunctionSpec] = {}
        self._service: FunctionService | None = None
        self._stopped = False

    def attach(self, service: FunctionService) -> None:
        """Run everything on this service from now on."""
        self._service = service

    def stop(self) -> None:
        """Run nothing more."""
        self._stopped = True
        self.asynchronous.stop()

    def register(self, spec: FunctionSpec) -> None:
        """Make a function known to everybody."""
        if self._service is None:
            raise UnknownFunction("the function service is not running yet")
        self._service.register(spec)
        self.specs[spec.name] = spec
        self.asynchronous.register(spec.name)

    def invoke(self, name: str, payload: bytes) -> Result:
        """Run a function and wait; see `FunctionService.invoke`."""
        if self._service is None:
            raise UnknownFunction(f"Function not found: {name}")
        if self._stopped:
            return _STOPPED
        try:
            return self._service.invoke_blocking(name, payload)
        except CancelledError:  # the event loop was stopped meanwhile
            return _STOPPED

    def submit(self, name: str, payload: bytes) -> None:
        """Run a function some time soon; raises UnknownFunction."""
        self.asynchronous.submit(name, payload)
