"""Alerts to everything that Apprise reaches.

Looked up in Apprise 2.3: it sends to the given address alone, but names pictures of its own on github.com, which many
messengers then fetch; it follows redirects, throttles, keeps state on disk only if told where, and runs no programs but
those that show notices on this desktop. Its log tells addresses at DEBUG. All of that is turned off or refused here.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from face_classifier.alerts.channels.base import Alert, ChannelError
from face_classifier.core.errors import UserError

if TYPE_CHECKING:
    from apprise import Apprise, AppriseAsset

# Modules of Apprise that are no messenger: they run a program, or speak to the desktop, the system's log or a lamp.
_LOCAL = {"blink1", "dbus", "glib", "gnome", "macosx", "syslog", "windows"}


class Messenger:
    """One address of Apprise, which holds secrets and is never told."""

    wants_all = False

    def __init__(self, name: str, address: str) -> None:
        """``name``: of the channel. Raises ImportError, and UserError where the address is none that may be."""
        self._apprise = _opened(name, address)

    def send(self, alert: Alert) -> None:
        """See `Channel`. It blocks as long as Apprise does: some seconds for each step of the network."""
        from apprise import AppriseAttachment
        from apprise.attachment.memory import AttachMemory

        attachment = AppriseAttachment()
        if alert.picture:
            attachment.add(AttachMemory(content=alert.picture, name="face.jpg", mimetype="image/jpeg"))  # type: ignore[no-untyped-call]
        event = alert.event
        title, _, rest = event.text.partition("\n")
        body = "\n".join([*rest.splitlines(), f"{event.time.astimezone():%Y-%m-%d %H:%M:%S} ({alert.id})"])
        if not self._apprise.notify(body=body, title=title, attach=attachment or None):
            raise ChannelError("Apprise could not deliver it: the address may be wrong, or the service away")

    def close(self) -> None:
        """Nothing can be cut; a trial that is under way ends by itself."""


def _opened(name: str, address: str) -> Apprise:
    _silence()
    from apprise import Apprise

    if re.search(r"\s", address):
        raise UserError(f"the address of the channel {name} has blanks or several lines; give one address per channel")
    asset = _asset()
    service = Apprise.instantiate(address, asset=asset)
    if service is None or isinstance(service, dict):
        raise UserError(
            f"the address of the channel {name} is not one that Apprise knows; look it up at https://appriseit.com"
        )
    if type(service).__module__.rpartition(".")[2] in _LOCAL:
        raise UserError(
            f"the address of the channel {name} is a program or device of this computer; give that of a messenger"
        )
    apprise = Apprise(asset=asset)
    apprise.add(service)
    return apprise


def _asset() -> AppriseAsset:
    """How Apprise behaves: it names itself as this program, fetches and keeps nothing, and leaves threads to us."""
    from apprise import AppriseAsset

    return AppriseAsset(
        app_id="Face Classifier",
        app_desc="Face Classifier",
        app_url="",
        image_url_mask="",
        image_url_logo="",
        image_path_mask=False,
        async_mode=False,
        http_redirects=False,
        interpret_emojis=False,
        pgp_autogen=False,
        pem_autogen=False,
        storage_mode="memory",
        service_timeout=0,  # else it takes threads of its own, which outlive the program's end
        allow_templates=False,
    )


def _silence() -> None:
    """Its log may hold addresses, and without a handler its warnings would go to stderr."""
    logger = logging.getLogger("apprise")
    logger.addHandler(logging.NullHandler())
    logger.propagate = False
    logger.setLevel(logging.CRITICAL + 10)
