"""The installation's first key, so that somebody can make the first tenant."""

from __future__ import annotations

from orchstack.control_plane.keys import key_digest, platform_key
from orchstack.control_plane.model.tenants import ApiKey
from orchstack.control_plane.ports import PlatformKeys
from orchstack.control_plane.service.announcing import Announcer, key_created
from orchstack.kernel.clock import Clock
from orchstack.kernel.ids import new_id
from orchstack.kernel.tenancy import PLATFORM_TENANT, Scope

_ACTOR = "system:control_plane"
# Administer tenants, and manage and audit keys of its own kind; it sees nothing of any tenant.
_SCOPES = (
    Scope.PLATFORM_ADMIN,
    Scope.KEYS_READ,
    Scope.KEYS_WRITE,
    Scope.EVENTS_READ,
    Scope.AUDIT_READ,
)


class PlatformBootstrap:
    """Lets in whoever can read the stack's platform secret; runs after every migration."""

    def __init__(self, keys: PlatformKeys, clock: Clock) -> None:
        """Take the store and the clock."""
        self._keys = keys
        self._clock = clock
        self._announcer = Announcer(clock)

    def ensure(self, secret: str) -> None:
        """Let the key derived from the secret in, and no key derived from an earlier one."""
        key = ApiKey(
            id=new_id(),
            name="platform",
            environment="live",
            scopes=tuple(sorted(_SCOPES)),
            created_at=self._clock.now(),
            expires_at=None,
            revoked_at=None,
        )
        with self._keys.transaction(PLATFORM_TENANT):
            if self._keys.ensure(key, key_digest(platform_key(secret))):
                self._keys.announce(
                    PLATFORM_TENANT,
                    self._announcer.announcement(
                        PLATFORM_TENANT,
                        _ACTOR,
                        "key.create",
                        f"keys/{key.id}",
                        key_created(key, _ACTOR),
                    ),
                )
