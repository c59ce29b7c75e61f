"""Where the user wants sources to be analysed."""

from __future__ import annotations

import os
import re

from face_classifier.core.errors import WrongUseError
from face_classifier.pipeline.spread.cluster import Cluster
from face_classifier.pipeline.spread.local import LocalCluster

_MOST = 1024  # processes of this machine


def open_cluster(where: str) -> Cluster:
    """What ``local``, ``local:N``, ``dask://…``, ``ray://…`` names; entering it connects. Raises UserError."""
    if found := re.fullmatch(r"local(?::([0-9]{1,4}))?", where):
        slots = int(found[1]) if found[1] else _cores()
        if 1 <= slots <= _MOST:
            return LocalCluster(slots)
    if where.startswith("dask:"):
        from face_classifier.pipeline.spread.clusters.on_dask import DaskCluster

        return DaskCluster(where)
    if where.startswith("ray:"):
        from face_classifier.pipeline.spread.clusters.on_ray import RayCluster

        return RayCluster(where)
    raise WrongUseError(
        f"--on {where} is not a place to analyse; give local, local:N for N processes of this machine, "
        "dask://host:port, or ray://host:port"
    )


def is_here(where: str) -> bool:
    """Whether all of that cluster is on this machine, by its name alone, so that all workers compute alike."""
    return where.partition(":")[0] == "local"


def _cores() -> int:
    """Of this machine, those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
