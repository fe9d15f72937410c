"""The blocking half of the database's sender: one request to InfluxDB at a time. For a worker thread only.

influxdb-client is imported when the first request is made: it costs 31 MB and a site may have no database.
"""

import gzip
from collections.abc import Callable
from importlib import import_module
from typing import Any

from gateway.north.influx_answer import Answer
from gateway.north.secret import secret
from gateway.settings.models import Influx

TIMEOUT_S = 20.0
PLAIN = "text/plain; charset=utf-8"


class InfluxWriter:
    """Writes ready lines to `/api/v2/write`, or to `/write` of 1.x."""

    def __init__(self, settings: Influx) -> None:
        self._settings = settings
        self._post: Callable[[bytes], Any] | None = None

    def write(self, lines: bytes) -> Answer:
        """One request, gzipped; what the database said. A database that cannot be reached is status 0."""
        try:
            from influxdb_client.rest import ApiException
            from urllib3.exceptions import HTTPError
        except ImportError as error:
            return Answer(0, str(error))
        try:
            if self._post is None:
                self._post = self._v1() if self._settings.api == "v1" else self._v2()
            _, status, _ = self._post(gzip.compress(lines, 1))  # level 1: an eighth of the bytes, a tenth of the time
            return Answer(status)
        except ApiException as error:
            return Answer(
                error.status or 0, str(error.message or error.body or error.reason), _retry_after(error.headers)
            )
        except (HTTPError, OSError, ValueError) as error:
            return Answer(0, str(error))

    def _v2(self) -> Callable[[bytes], Any]:
        settings = self._settings
        service = import_module("influxdb_client").WriteService(
            self._client(f"Token {secret(settings.token_file)}" if settings.token_file else "")
        )

        def post(body: bytes) -> Any:
            return service.post_write_with_http_info(
                settings.org, settings.bucket, body, precision="ns", content_encoding="gzip",
                content_type=PLAIN, _return_http_data_only=False, _request_timeout=TIMEOUT_S * 1000,
            )  # fmt: skip

        return post

    def _v1(self) -> Callable[[bytes], Any]:
        from urllib3 import make_headers

        settings = self._settings
        basic = f"{settings.username}:{secret(settings.password_file)}" if settings.username else None
        client = self._client(make_headers(basic_auth=basic).get("authorization", ""))

        def post(body: bytes) -> Any:
            return client.call_api(
                "/write", "POST", {}, [("db", settings.database), ("precision", "n")],
                {"Content-Encoding": "gzip", "Content-Type": PLAIN}, body=body, post_params=[],
                files={}, auth_settings=[], _return_http_data_only=False, _request_timeout=TIMEOUT_S * 1000,
            )  # fmt: skip

        return post

    def _client(self, authorization: str) -> Any:
        configuration = import_module("influxdb_client").Configuration()
        configuration.host = self._settings.url.rstrip("/")
        header = {"header_name": "Authorization", "header_value": authorization} if authorization else {}
        return import_module("influxdb_client._sync.api_client").ApiClient(configuration, **header, retries=False)


def _retry_after(headers: Any) -> float:
    """Seconds of a Retry-After header; 0 when there is none, or one that is a date."""
    text = str((headers or {}).get("Retry-After", ""))
    return float(text) if text.isdecimal() else 0.0
