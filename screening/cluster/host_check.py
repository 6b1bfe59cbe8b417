"""Dask's web pages answer to the names of this machine alone.

A page from elsewhere, open in the user's browser, can give its own name the address 127.0.0.1 and then read whatever
listens there; it cannot change the Host that the browser sends.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tornado import httputil
from tornado.httpserver import HTTPServer

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def check_host(server: HTTPServer) -> None:
    """Make a web server refuse requests under other names than those of loopback."""
    server.request_callback = _Checked(server.request_callback)


class _Checked(httputil.HTTPServerConnectionDelegate):
    def __init__(self, application: Any) -> None:
        self._application = application

    def start_request(self, server_conn: object, request_conn: httputil.HTTPConnection) -> httputil.HTTPMessageDelegate:
        return _Request(self._application.start_request(server_conn, request_conn), request_conn)

    def on_close(self, server_conn: object) -> None:
        self._application.on_close(server_conn)


class _Request(httputil.HTTPMessageDelegate):
    """Hands a request on unless its Host is another's."""

    def __init__(self, delegate: httputil.HTTPMessageDelegate, connection: httputil.HTTPConnection) -> None:
        self._delegate: httputil.HTTPMessageDelegate | None = delegate
        self._connection = connection

    def headers_received(
        self, start_line: httputil.RequestStartLine | httputil.ResponseStartLine, headers: httputil.HTTPHeaders
    ) -> Any:
        if self._delegate is not None and _is_loopback(headers.get_list("Host")):
            return self._delegate.headers_received(start_line, headers)
        self._delegate = None
        line = httputil.ResponseStartLine("HTTP/1.1", 421, "Misdirected Request")
        answer = httputil.HTTPHeaders({"Content-Length": "0", "Connection": "close"})
        self._connection.write_headers(line, answer)
        self._connection.finish()
        return None

    def data_received(self, chunk: bytes) -> Any:
        return None if self._delegate is None else self._delegate.data_received(chunk)

    def finish(self) -> None:
        if self._delegate is not None:
            self._delegate.finish()

    def on_connection_close(self) -> None:
        if self._delegate is not None:
            self._delegate.on_connection_close()


def _is_loopback(hosts: list[str]) -> bool:
    if len(hosts) != 1:
        return False
    try:
        return urlsplit(f"//{hosts[0]}").hostname in LOOPBACK
    except ValueError:
        return False
