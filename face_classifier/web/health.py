"""The page of a daemon: whether it is alive, how its cameras and channels do, and figures for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import SummaryMetricFamily
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from face_classifier.daemon.status import GOOD, Status, Times

_UNAVAILABLE = 503


def routes(status: Callable[[], Status]) -> list[Route]:
    """What machines ask. ``status``: how the daemon does now; it must be quick, since pages wait for one another."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures(status))

    async def healthz(request: Request) -> Response:
        """200 while the owner of the gallery answers and every loop turns, else 503: a restart helps."""
        now = status()
        stuck = {"stuck": now.stuck} if request.state.who else {}  # which names cameras
        return _json({"live": now.live, **stuck}, ok=now.live)

    async def readyz(_request: Request) -> Response:
        """All that `status` tells, as JSON; 503 if it is not alive, or every camera is lost."""
        now = status()
        return _json(now.record(), ok=now.ready)

    async def metrics(request: Request) -> Response:
        """Figures for Prometheus, or as OpenMetrics, without names of people."""
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"Content-Type": kind})

    return [Route(f"/{page.__name__}", page) for page in (healthz, readyz, metrics)]


def _json(content: dict[str, Any], *, ok: bool) -> Response:
    return JSONResponse(content, 200 if ok else _UNAVAILABLE)


class Figures(Collector):
    """Makes metrics of a status whenever they are asked for."""

    def __init__(self, status: Callable[[], Status]) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        status = self._status()
        yield from _of_cameras(status)
        yield from _of_channels(status)
        gallery = status.gallery
        yield _gauge("face_classifier_people", "People in the gallery.", gallery.people)
        faces = GaugeMetricFamily("face_classifier_gallery_faces", "Faces in the gallery.", labels=["kind"])
        faces.add_metric(["known"], gallery.known)
        faces.add_metric(["unknown"], gallery.unknown)
        yield faces
        yield _gauge("face_classifier_owner_answered_seconds", "Since the gallery's owner answered.", gallery.answered)
        yield SummaryMetricFamily(
            "face_classifier_second_thoughts_seconds", "How long second thoughts took.", *_sum(gallery.thoughts)
        )
        yield _histogram(
            "face_classifier_alert_delay_seconds", "From the deciding frame to the delivered alert.", status.told
        )
        yield _gauge("face_classifier_resident_memory_bytes", "Memory in RAM.", status.memory)
        if gallery.free is not None:
            yield _gauge("face_classifier_disk_free_bytes", "Free on the disk of the result folder.", gallery.free)
        yield _gauge("face_classifier_uptime_seconds", "Since it was started.", status.uptime)


def _of_cameras(status: Status) -> Iterator[Metric]:
    up = GaugeMetricFamily("face_classifier_camera_up", "1 while it sends pictures.", labels=["camera"])
    still = GaugeMetricFamily("face_classifier_camera_still", "1 while its picture stands still.", labels=["camera"])
    age = GaugeMetricFamily("face_classifier_camera_last_frame_seconds", "Age of its last frame.", labels=["camera"])
    counted = {
        "analysed": CounterMetricFamily("face_classifier_frames_analysed", "Frames analysed.", labels=["camera"]),
        "dropped": CounterMetricFamily("face_classifier_frames_dropped", "Frames too late for it.", labels=["camera"]),
        "faces": CounterMetricFamily("face_classifier_faces_seen", "Faces seen in frames.", labels=["camera"]),
        "tracks": CounterMetricFamily("face_classifier_tracks", "Tracks begun.", labels=["camera"]),
        "lost": CounterMetricFamily("face_classifier_camera_reconnects", "Times it was lost.", labels=["camera"]),
    }
    for camera in status.cameras:
        up.add_metric([camera.name], camera.status == GOOD)
        still.add_metric([camera.name], camera.still)
        if camera.last_frame is not None:
            age.add_metric([camera.name], camera.last_frame)
        for field, family in counted.items():
            family.add_metric([camera.name], getattr(camera, field))
    yield from (up, still, age, *counted.values())


def _of_channels(status: Status) -> Iterator[Metric]:
    up = GaugeMetricFamily("face_classifier_channel_up", "1 while it takes alerts.", labels=["channel"])
    queued = GaugeMetricFamily("face_classifier_alerts_queued", "Alerts on their way.", labels=["channel"])
    sent = CounterMetricFamily("face_classifier_alerts_sent", "Alerts delivered.", labels=["channel"])
    missed = CounterMetricFamily("face_classifier_alerts_missed", "Alerts given up.", labels=["channel"])
    for channel in status.channels:
        up.add_metric([channel.name], channel.status == GOOD)
        queued.add_metric([channel.name], channel.queued)
        sent.add_metric([channel.name], channel.sent)
        missed.add_metric([channel.name], channel.missed)
    yield from (up, queued, sent, missed)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value)


def _sum(times: Times) -> tuple[int, float]:
    return times.count, times.total


def _histogram(name: str, text: str, times: Times) -> Metric:
    buckets = [(f"{limit:g}", float(count)) for limit, count in zip(times.limits, times.counts, strict=True)]
    return HistogramMetricFamily(name, text, [*buckets, ("+Inf", float(times.count))], times.total)
