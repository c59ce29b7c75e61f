"""Why a camera shows nothing, in a sentence: what, which, what to do. Never with a user or a password."""

from __future__ import annotations

from face_classifier.sources.live.reading.job import Job, Why

_SENTENCES: dict[Why, str] = {
    "refused": "{name} refuses the connection{at}; check that it is switched on, and the port",
    "unauthorized": "{name} refuses the user name or the password{at}; correct them",
    "forbidden": "{name} does not let this user see the stream{at}; allow it in the camera's settings",
    "not found": "{name} has no stream of that name{at}; look the path up in the camera's manual",
    "failing": "{name} answers with an error of its own{at}; look at the camera, or restart it",
    "unreachable": "{name} cannot be reached{at}; check the name of the host, the network and the camera's power",
    "silent": "{name} sends no picture{at}; check the network and the camera",
    "ended": "{name} ended the connection{at}; check the network and the camera",
    "not a video": "{name} sends nothing that can be read as a stream of pictures{at}; check the path",
    "no stream": "{name} sends no pictures{at}; check the path",
    "not allowed": "{name} redirects to an address that no camera may have{at}; give rtsp, rtsps, http or https",
    "too large": "{name} sends pictures of {detail} pixels{at}, but at most 36 megapixels are read; have it send "
    "smaller ones",
    "damaged": "{name} sends a picture that never ends{at}; check the network and the camera",
    "no process": "{name} cannot be read, since this computer has no room for another process; end other programs, or "
    "allow more (ulimit -n, -u)",
    "crashed": "the process that reads {name} ended by itself{at}; it is started again",
    "finished": "{name} has ended",
    "unknown": "{name} cannot be read ({detail}){at}; check the camera",
}
_OF_FILES = "{name} is a file, not a live stream; download it and give the file"
_OF_DEVICES: dict[Why, str] = {
    "no device": "{name} cannot be opened; check that it is plugged in and no other program uses it, or give another "
    "number (0 is the first), or ./{detail} if you mean a file",
    "silent": "{name} no longer sends pictures; check its cable",
    "ended": "{name} no longer sends pictures; check its cable",
}


def sentence_of(why: Why, job: Job, name: str, shown: str, detail: str = "") -> str:
    """The sentence of a failure.

    Parameters
    ----------
    why : as the reader tells it
    job : what was to be read
    name : of the camera
    shown : the address without what is secret in it
    detail : what the reader tells with it
    """
    at = "" if shown in ("", name) or job.kind == "device" else f" at {shown}"
    if why == "not a video" and detail == "file":
        return _OF_FILES.format(name=name)
    sentences = _OF_DEVICES if job.kind == "device" and why in _OF_DEVICES else _SENTENCES
    return sentences.get(why, _SENTENCES["unknown"]).format(name=name, at=at, detail=detail or why)
