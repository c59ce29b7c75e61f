"""Who is logged in: a signed cookie, which no table needs to know, and which a new password makes worthless."""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict

from itsdangerous import BadData, URLSafeTimedSerializer

COOKIE = "face-classifier"
SECONDS = 30 * 86_400  # a session lasts
_ENDED = 1000  # sessions that were ended are remembered, until the program ends


class Sessions:
    """Begins and ends sessions, and knows them again."""

    def __init__(self, password: str) -> None:
        """``password``: its hash, of which the key is derived."""
        key = hashlib.sha256(b"sessions of the page\0" + password.encode()).digest()
        self._signer = URLSafeTimedSerializer(key, salt="session", signer_kwargs={"digest_method": hashlib.sha256})
        self._ended: OrderedDict[str, None] = OrderedDict()

    def begin(self) -> str:
        """The cookie of a new session."""
        return str(self._signer.dumps(secrets.token_urlsafe(16)))

    def holds(self, cookie: str) -> bool:
        """Whether a cookie is one of a session that goes on."""
        name = self._name(cookie)
        return name is not None and name not in self._ended

    def end(self, cookie: str) -> None:
        """From now on the cookie is worth nothing, wherever it was copied to."""
        if (name := self._name(cookie)) is not None:
            self._ended[name] = None
            if len(self._ended) > _ENDED:
                self._ended.popitem(last=False)

    def _name(self, cookie: str) -> str | None:
        try:
            return str(self._signer.loads(cookie, max_age=SECONDS))
        except BadData:
            return None
