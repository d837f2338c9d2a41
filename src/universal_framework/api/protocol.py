"""HTTP that cannot be read is answered with the envelope, too: uvicorn's protocol with words of ours."""

from __future__ import annotations

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from universal_framework.api.refusals import envelope, new_request_id


class EnvelopedProtocol(H11Protocol):
    """HTTP/1.1 by h11; a request that is none gets 400 `invalid_http`, and its connection ends."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature; its words are its own
        """Answer what could not be read."""
        request_id = new_request_id()
        body = envelope("invalid_http", "The request is not HTTP that can be read.", request_id)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", request_id.encode()),
            (b"connection", b"close"),
        ]
        for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
