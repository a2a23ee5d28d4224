"""One customer from first contact to won, with deadlines, safe repeats, and errors told apart by their reason.

The examples in the other languages do the same and print the same lines.

LEADCAPTURE_SERVER  address of the gRPC server (http://127.0.0.1:50051)
LEADCAPTURE_TOKEN   token to send; none if not set
LEADCAPTURE_TENANT  id of the tenant; not needed with a token that is bound to one
"""

import os
import sys

import grpc

from tour.client import Client
from tour.problem import Problem, explain
from tour.story import tell


def main() -> int:
    address = os.environ.get("LEADCAPTURE_SERVER", "http://127.0.0.1:50051")
    token = os.environ.get("LEADCAPTURE_TOKEN", "")
    tenant_id = os.environ.get("LEADCAPTURE_TENANT", "")
    try:
        with Client(address, token, tenant_id) as client:
            tell(client)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    except grpc.RpcError as error:
        print(explain(error, address), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
