"""Serves the page to the browser of this machine, and to no other."""

import logging
import os
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import Any

from enfold.errors import InputError, require
from enfold.explorer.page import paths
from enfold.explorer.payload import Files

HERE = "127.0.0.1"
TYPES = {
    "": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".wasm": "application/wasm",
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}


def application(files: Files, port: int) -> Any:
    """Return the ASGI application that serves the page and its files, and nothing else.

    A dictionary maps each whole path to its answer, so no path reaches any other file. Two kinds of requests are
    refused: those for another host (DNS rebinding) and those sent by another site's page.

    Args:
        files: What `prepare` returns.
        port: The port that it is served on.
    """
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, Response
    from starlette.routing import Route

    known = paths(files)
    hosts = {f"{HERE}:{port}", f"localhost:{port}"}

    async def answer(request: Request) -> Response:
        path, origin = request.path_params["path"], request.headers.get("origin")
        is_foreign = request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and path != ""
        if request.headers.getlist("host") not in [[host] for host in hosts]:
            return PlainTextResponse("Unknown host.", 400, HEADERS)
        if is_foreign or origin not in (None, *(f"http://{host}" for host in hosts)):
            return PlainTextResponse("Other sites may not read this page.", 403, HEADERS)
        if path not in known:
            return PlainTextResponse("No such file.", 404, HEADERS)
        kind = TYPES.get(PurePosixPath(path).suffix, "application/octet-stream")
        return Response(known[path], 200, {**HEADERS, "Content-Type": kind})

    return Starlette(routes=[Route("/{path:path}", answer)])


@contextmanager
def serving(files: Files, port: int = 0) -> Generator[str]:
    """Serve the page on this machine only, in a background thread, and yield its address.

    Args:
        files: What `prepare` returns.
        port: The port; 0 takes a free one.

    Raises:
        InputError: The extra `explore` is not installed, or the port is in use.
    """
    require("The explorer", "explore", "starlette", "uvicorn")
    import uvicorn

    with _listening(port) as listener:
        found = listener.getsockname()[1]
        app = application(files, found)
        config = uvicorn.Config(app, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield f"http://{HERE}:{found}/"
        finally:
            logging.getLogger("uvicorn.error").disabled = True  # ending open connections is no error
            server.should_exit = True
            thread.join()
            logging.getLogger("uvicorn.error").disabled = False


def _listening(port: int) -> socket.socket:
    listener = socket.socket()
    try:
        if os.name == "posix":  # on Windows it would let two servers share the port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HERE, port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        raise InputError(
            f"Expected a free port, got {port} ({error}). Type another one, or leave out --port to get a free one."
        ) from error
    return listener
