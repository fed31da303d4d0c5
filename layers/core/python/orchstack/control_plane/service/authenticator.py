"""Authentication: from the text of a key to a principal, or to the one refusal there is."""

from __future__ import annotations

from orchstack.control_plane.keys import read_key
from orchstack.control_plane.model.tenants import TenantStatus
from orchstack.control_plane.ports import Credentials
from orchstack.kernel.clock import Clock
from orchstack.kernel.errors import Unauthenticated
from orchstack.kernel.tenancy import Principal

# The exact word by which API Gateway answers 401 for an authorizer; anything else becomes a 500.
_REFUSAL = "Unauthorized"


class Authenticator:
    """Verifies keys."""

    def __init__(self, credentials: Credentials, clock: Clock) -> None:
        """Take the look-up and the clock."""
        self._credentials = credentials
        self._clock = clock

    def authenticate(self, text: str | None) -> Principal:
        """Give the principal of a key; raises Unauthenticated for whatever is wrong with it.

        A key of another tenant, an unknown one and a mistyped secret take the same one look-up, so
        neither the answer nor its time tells them apart. Raises Unavailable if nothing can be told.
        """
        claimed = None if text is None else read_key(text)
        if claimed is None:
            raise Unauthenticated(_REFUSAL)
        found = self._credentials.find(claimed.tenant_id, claimed.digest)
        if found is None or found.revoked or found.tenant_status is not TenantStatus.ACTIVE:
            raise Unauthenticated(_REFUSAL)
        expires_at = found.principal.expires_at
        if expires_at is not None and expires_at <= self._clock.now():
            raise Unauthenticated(_REFUSAL)
        return found.principal
