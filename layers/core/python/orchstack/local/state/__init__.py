"""moto in this process, holding the state of the AWS services, with what it gets wrong put right.

Each module here mends one thing; `server` installs them all and serves moto on loopback.
"""

from __future__ import annotations

import os
from typing import Any, TypeAlias

from orchstack.local.template import ACCOUNT

# moto has no types: what comes from it is used as its source shows.
Moto: TypeAlias = Any

# moto reads it when it is first imported.
os.environ["MOTO_ACCOUNT_ID"] = ACCOUNT
