"""What a model was shown: the context that was built for one call, and how."""

from __future__ import annotations

from orchstack.kernel.frozen import Frozen


class ContextManifest(Frozen):
    """The account of one built context; its parts are stored by their hashes."""

    hash: str
