"""A camera that gives one JPEG each time it is asked, by HTTP."""

from __future__ import annotations

import io
import ssl
import time
import urllib.error
import urllib.request
import warnings
from http.client import HTTPException, HTTPMessage
from typing import IO
from urllib.parse import unquote, urlsplit, urlunsplit

import cv2
import numpy as np
from PIL import Image as Pillow

from face_classifier.sources.live.reading.job import Job, Message, Why
from face_classifier.sources.live.reading.memory import LARGEST
from face_classifier.sources.live.reading.output import JobError, Out
from face_classifier.sources.live.reading.pieces import is_whole_jpeg, why_of

_SCHEMES = ("http", "https")
_MOST = 50_000_000  # bytes of a picture
_PIECE = 1 << 16  # bytes
_SOON = 1.0  # seconds until it is asked again after an error, at most
_WHY: dict[int, Why] = {401: "unauthorized", 403: "forbidden", 404: "not found"}


def read_snapshots(job: Job, out: Out) -> None:
    """Ask for a picture every ``job.every`` seconds. One that does not come is asked for again for ``job.silence``.

    Raises JobError.
    """
    address, opener = _opener(job.address)
    good = time.monotonic()
    out.tell(Message(opened="snapshots"))
    while True:
        began = time.monotonic()
        wait = job.every
        try:
            _show(_fetch(opener, address, job.silence), out)
            good = time.monotonic()
        except JobError as error:
            if error.why in ("unauthorized", "not allowed", "too large") or time.monotonic() - good > job.silence:
                raise
            wait = min(wait, _SOON)
        time.sleep(max(0.0, began + wait - time.monotonic()))


def _show(data: bytes, out: Out) -> None:
    if not is_whole_jpeg(data):
        raise JobError("damaged" if data.startswith(b"\xff\xd8") else "not a video")
    _check_size(data)
    coded = np.frombuffer(data, np.uint8)
    image = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    if image is None:
        raise JobError("damaged")
    picture = np.asarray(image, np.uint8)
    out.picture(lambda: picture, lambda: picture[:, :, 1])


def _check_size(data: bytes) -> None:
    """Before it is decoded, which a picture of a few bytes may need all memory for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            width, height = Pillow.open(io.BytesIO(data), formats=["JPEG", "MPO"]).size
        except Pillow.DecompressionBombError:
            raise JobError("too large", "too many") from None
        except (OSError, SyntaxError, ValueError):
            raise JobError("damaged") from None
    if width * height > LARGEST:
        raise JobError("too large", f"{width}x{height}")


def _fetch(opener: urllib.request.OpenerDirector, address: str, seconds: float) -> bytes:
    until = time.monotonic() + seconds
    try:
        with opener.open(address, timeout=seconds) as answer:
            data = b""
            while piece := answer.read1(_PIECE):
                data += piece
                if len(data) > _MOST or time.monotonic() > until:
                    raise JobError("too large", "too many") if len(data) > _MOST else JobError("silent")
            return data
    except urllib.error.HTTPError as error:
        error.close()
        why: Why = "not allowed" if 300 <= error.code < 400 else _WHY.get(error.code, "failing")
        raise JobError(why, str(error.code)) from None
    except urllib.error.URLError as error:
        reason = error.reason
        raise JobError(why_of(reason) if isinstance(reason, OSError) else "unreachable") from None
    except OSError as error:
        raise JobError(why_of(error), type(error).__name__) from None
    except HTTPException as error:
        raise JobError("failing", type(error).__name__) from None


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Only to where HTTP leads."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme not in _SCHEMES:
            raise JobError("not allowed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _unchecked() -> ssl.SSLContext:
    """Cameras make their certificates themselves: as for streams, nobody vouches for them."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _opener(address: str) -> tuple[str, urllib.request.OpenerDirector]:
    """The address without its login, and what logs in there, by Basic or Digest, and nowhere else."""
    parts = urlsplit(address)
    if parts.scheme.lower() not in _SCHEMES:
        raise JobError("not allowed")
    login, _, host = parts.netloc.rpartition("@")
    plain = urlunsplit(parts._replace(netloc=host))
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    if login:
        user, _, password = login.partition(":")
        passwords.add_password(None, plain, unquote(user), unquote(password))
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=_unchecked()),
        _Redirects(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPBasicAuthHandler(passwords),
        urllib.request.HTTPDigestAuthHandler(passwords),
    ):
        opener.add_handler(handler)
    return plain, opener
