"""An RTSP server of GStreamer, run by the system's Python: ``/usr/bin/python3 rtsp_server.py``.

Its standard input is one line of JSON: ``port`` (0 = any), ``streams`` (path to a pipeline that ends in ``pay0``),
``user`` and ``password`` (or null), ``switch`` (path to sizes that a caps filter named ``size`` takes in turn every two
seconds). It prints its port, and serves until its standard input ends.
"""

import itertools
import json
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def main():
    wanted = json.loads(sys.stdin.readline())
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(wanted["port"]))
    for path, pipeline in wanted["streams"].items():
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(f"( {pipeline} )")
        factory.set_shared(True)
        factory.connect("media-configure", configured, wanted["switch"].get(path))
        if wanted["user"]:
            lock(server, factory, wanted["user"], wanted["password"])
        server.get_mount_points().add_factory(path, factory)
    if server.attach(None) == 0:
        sys.exit("the port is taken")
    print(server.get_bound_port(), flush=True)
    loop = GLib.MainLoop()
    GLib.io_add_watch(sys.stdin.fileno(), GLib.IO_IN | GLib.IO_HUP, lambda *_: loop.quit())
    loop.run()


def lock(server, factory, user, password):
    """Only with user and password, by Basic authentication."""
    auth = GstRtspServer.RTSPAuth()
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "user")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("user", "media.factory.access", True)
    permissions.add_permission_for_role("user", "media.factory.construct", True)
    factory.set_permissions(permissions)


def configured(_factory, media, sizes):
    if sizes:
        size, turns = media.get_element().get_by_name("size"), itertools.cycle(sizes)
        next(turns)

        def switch():
            width, height = next(turns)
            size.set_property("caps", Gst.Caps.from_string(f"video/x-raw,width={width},height={height}"))
            return True

        GLib.timeout_add(2000, switch)


if __name__ == "__main__":
    main()
