"""From the configuration of a channel to the channel; what a library needs is imported with its first channel."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from face_classifier.alerts.channels.base import Channel
from face_classifier.alerts.channels.bot import Desk
from face_classifier.core.config.parts.alerts import (
    AnyChannel,
    AppriseChannel,
    FileChannel,
    MqttChannel,
    PrintChannel,
    TelegramChannel,
    WebhookChannel,
)
from face_classifier.core.errors import needing


def make_channel(
    name: str, channel: AnyChannel, environ: Mapping[str, str] = os.environ, desk: Desk | None = None
) -> Channel:
    """A channel that is ready to send.

    Parameters
    ----------
    name, channel : as in the configuration
    environ : where secrets may be
    desk : what bots ask of the program that stays; None: the channel sends something once, beside such a program

    Raises
    ------
    UserError : a secret, a library or what else it needs is missing
    """
    match channel:
        case PrintChannel():
            from face_classifier.alerts.channels.printed import Printed

            return Printed()
        case FileChannel():
            from face_classifier.alerts.channels.file import Lines

            return Lines(Path(channel.path))
        case WebhookChannel():
            from face_classifier.alerts.channels.webhook import Webhook

            return Webhook(channel.url, channel.secret.read(environ), private=channel.private)
        case AppriseChannel():
            with needing(f"the channel {name}", "alerts", "name another channel"):
                from face_classifier.alerts.channels.messenger import Messenger

                return Messenger(name, channel.url.read(environ) or "")
        case MqttChannel():
            with needing(f"the channel {name}", "alerts", "name another channel"):
                from face_classifier.alerts.channels.mqtt.channel import Mqtt

                return Mqtt(channel, environ, resident=desk is not None)
        case TelegramChannel():
            with needing(f"the channel {name}", "telegram", "name another channel"):
                from face_classifier.alerts.channels.telegram import Telegram

                return Telegram(channel, environ, desk)
