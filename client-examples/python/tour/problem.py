"""What can go wrong, in words for the person at the terminal."""

from collections.abc import Iterator
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

Detail = TypeVar("Detail", bound=Message)


class Problem(Exception):
    """A failure that ends the program."""


def reason(error: grpc.RpcError) -> str | None:
    """The reason of a failed call; what a program decides by."""
    for info in details(error, error_details_pb2.ErrorInfo):
        return info.reason
    return None


def bad_fields(error: grpc.RpcError) -> list[str]:
    """The fields that a request was refused for."""
    requests = details(error, error_details_pb2.BadRequest)
    return [violation.field for request in requests for violation in request.field_violations]


def details(error: grpc.RpcError, kind: type[Detail]) -> Iterator[Detail]:
    """The details of one kind that came with an error."""
    status: status_pb2.Status | None = None
    if isinstance(error, grpc.Call):
        status = rpc_status.from_call(error)
    for packed in status.details if status is not None else ():
        detail = kind()
        if packed.Unpack(detail):
            yield detail


def explain(error: grpc.RpcError, address: str) -> str:
    """What a failed call means for the person at the terminal."""
    if not isinstance(error, grpc.Call):
        return str(error)
    code, why = error.code(), reason(error)
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return f"The server at {address} wants a valid token: set LEADCAPTURE_TOKEN."
    if code is grpc.StatusCode.UNAVAILABLE and why is None:
        return (
            f"No leadcapture server answers at {address}."
            " Start it with `make run` in another terminal and try again."
        )
    if code is grpc.StatusCode.DEADLINE_EXCEEDED and why is None:
        return (
            f"The server at {address} did not answer in time."
            " Try again; if that does not help, look at its log."
        )
    return f"The server refused a request: {error.details()} ({why or code.name})"
