"""The doors of the page, in the order in which a request goes through them."""

from __future__ import annotations

from starlette.middleware import Middleware

from face_classifier.core.config.parts.page import Web
from face_classifier.web.doors.headers import SafeHeaders
from face_classifier.web.doors.hosts import Hosts, Proxies, names
from face_classifier.web.doors.limits import Limits
from face_classifier.web.doors.origins import Origins
from face_classifier.web.doors.who import Keeper, Who


def doors(web: Web) -> list[Middleware]:
    """What stands before an application that is served as ``web`` says."""
    keeper = Keeper(web)
    return [
        Middleware(SafeHeaders),
        Middleware(Limits),
        Middleware(Proxies, proxies=web.proxy),
        Middleware(Hosts, names=names(web)),
        Middleware(Origins),
        Middleware(Who, keeper=keeper),
    ]
