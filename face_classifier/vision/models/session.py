"""Runs ONNX graphs on one thread of the CPU."""

from __future__ import annotations

import logging
from pathlib import Path

import onnxruntime

logger = logging.getLogger(__name__)


def open_session(model: Path) -> onnxruntime.InferenceSession:
    """A session that computes in the thread that calls it; several threads may share it.

    Two pictures in flight beat two threads on one picture, and ONNX Runtime's spinning threads fight the decoder.
    """
    logger.debug("%s is loaded into ONNX Runtime %s", model, onnxruntime.__version__)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_mem_pattern = False  # plans memory for one shape; pictures and batches have many
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
