"""The connection: token, deadlines, and repeats of calls that may be sent again."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
from leadcapture.v1.conversation_service_pb2_grpc import ConversationServiceStub
from leadcapture.v1.lead_service_pb2_grpc import LeadServiceStub

from tour.problem import Problem

# Deadlines, repeats and balancing for every method. It repeats calls: a request that changes something needs a
# request_id.
SERVICE_CONFIG = Path(__file__).parents[2] / "service-config.json"


class Client:
    """The generated clients, on one connection. It connects with the first call; `https` means TLS."""

    def __init__(self, address: str, token: str, tenant_id: str) -> None:
        parts = re.fullmatch(r"(https?)://([^/]+)", address)
        if parts is None:
            raise Problem(f"LEADCAPTURE_SERVER is not an address like http://127.0.0.1:50051: {address}")
        scheme, target = parts.groups()
        options = [("grpc.service_config", SERVICE_CONFIG.read_text())]
        if scheme == "https":
            self._channel = grpc.secure_channel(target, certificates(), options)
        else:
            self._channel = grpc.insecure_channel(target, options)
        channel = grpc.intercept_channel(self._channel, Token(token)) if token else self._channel
        self.leads = LeadServiceStub(channel)
        self.conversations = ConversationServiceStub(channel)
        # The tenant that requests name; empty with a token that is bound to one.
        self.tenant_id = tenant_id

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()


def certificates() -> grpc.ChannelCredentials:
    """Trusts the authorities in LEADCAPTURE_CA, or well-known ones, and shows the certificate in LEADCAPTURE_CERT, if any."""

    def content(variable: str) -> bytes | None:
        file = os.environ.get(variable)
        if not file:
            return None
        try:
            return Path(file).read_bytes()
        except OSError as error:
            raise Problem(f"{variable}: {error}") from error

    return grpc.ssl_channel_credentials(
        content("LEADCAPTURE_CA"), content("LEADCAPTURE_KEY"), content("LEADCAPTURE_CERT")
    )


@dataclass
class CallDetails(grpc.ClientCallDetails):
    """What a call is made with."""

    method: str
    timeout: float | None
    metadata: tuple[tuple[str, str | bytes], ...] | None
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: grpc.Compression | None


class Token(grpc.UnaryUnaryClientInterceptor):
    """Sends the token with every request."""

    def __init__(self, token: str) -> None:
        self._header = ("authorization", f"Bearer {token}")

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        details = CallDetails(
            client_call_details.method,
            client_call_details.timeout,
            (*(client_call_details.metadata or ()), self._header),
            client_call_details.credentials,
            client_call_details.wait_for_ready,
            client_call_details.compression,
        )
        return continuation(details, request)
