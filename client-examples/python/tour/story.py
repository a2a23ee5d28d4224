"""One customer from first contact to won. Every step prints one line."""

import random
import uuid
from collections.abc import Callable

import grpc
from google.protobuf.duration_pb2 import Duration
from leadcapture.v1.conversation_pb2 import (
    FOLLOW_UP_KIND_OPENER,
    FOLLOW_UP_KIND_REMINDER_1,
    ClaimedFollowUp,
    ConversationState,
    FollowUpKind,
    FollowUpStatus,
)
from leadcapture.v1.conversation_service_pb2 import (
    ClaimFollowUpsRequest,
    CompleteFollowUpRequest,
    StartConversationRequest,
)
from leadcapture.v1.lead_pb2 import (
    LEAD_SOURCE_WEBSITE,
    LEAD_STATUS_CONTACTED,
    LEAD_STATUS_CONVERTED,
    LEAD_STATUS_NEW,
    Lead,
    LeadStatus,
    QualificationField,
)
from leadcapture.v1.lead_service_pb2 import (
    CaptureLeadRequest,
    GetLeadRequest,
    ListLeadsRequest,
    QualifyLeadRequest,
    TransitionLeadRequest,
)

from tour.client import Client
from tour.problem import Problem, bad_fields, reason

LEASE_SECONDS = 60
# How long the server waits for something to become due before it answers that nothing is.
WAIT_SECONDS = 20
# By how much a call's deadline is later than what the server waits.
GRACE_SECONDS = 5
WAITS = 3
PAGE_SIZE = 2


def tell(client: Client) -> None:
    """Tells the whole story."""
    lead = capture_three(client)
    list_captured(client, lead)
    send_what_is_due(client, lead)
    win(client, qualify(client, lead))


def capture_three(client: Client) -> Lead:
    """Captures three customers; answers the lead of the first, who is to get a message."""
    first = random.randrange(2_000_000, 9_000_000)

    def request(phone: str, request_id: str, schedule_opener: bool = True) -> CaptureLeadRequest:
        return CaptureLeadRequest(
            tenant_id=client.tenant_id,
            source=LEAD_SOURCE_WEBSITE,
            customer_phone=phone,
            schedule_opener=schedule_opener,
            request_id=request_id,
        )

    request_id = new_request_id()
    captured = client.leads.CaptureLead(request(f"050-{first}", request_id))
    lead = captured.lead
    print(f"captured: {status_word(lead)}, {made(captured.created)}")

    # As after a lost answer: with the same request_id a request may be sent again.
    again = client.leads.CaptureLead(request(f"050-{first}", request_id))
    same = (again.lead.id, again.lead.etag) == (lead.id, lead.etag)
    print(f"sent again: {'the same lead' if same else 'another lead'}, {made(again.created)}")

    other = refusal(
        lambda: client.leads.CaptureLead(request(f"050-{first + 1}", request_id)),
        "a used request_id to be refused",
    )
    print(f"another request with that request_id: {reason(other)}")

    bad = refusal(
        lambda: client.leads.CaptureLead(request("12", new_request_id())), "a bad phone to be refused"
    )
    print(f"a phone that is none: {reason(bad)} {', '.join(bad_fields(bad))}")

    for number in (first + 1, first + 2):
        client.leads.CaptureLead(request(f"050-{number}", new_request_id(), schedule_opener=False))
    print("captured two more")
    return lead


def list_captured(client: Client, first: Lead) -> None:
    """Lists the leads captured since the first one, page by page."""
    leads = pages = 0
    request = ListLeadsRequest(
        tenant_id=client.tenant_id, captured_from=first.captured_at, page_size=PAGE_SIZE
    )
    while pages == 0 or request.page_token:
        page = client.leads.ListLeads(request)
        leads += len(page.leads)
        pages += 1
        request.page_token = page.next_page_token
    print(f"listed: {leads} leads on {pages} pages")


def send_what_is_due(client: Client, lead: Lead) -> None:
    """Does what a worker does: claims the opener and the reminder as they become due, and reports them as sent."""
    opener = claim(client, lead, FOLLOW_UP_KIND_OPENER)
    started = client.conversations.StartConversation(
        StartConversationRequest(
            tenant_id=client.tenant_id,
            lead_id=lead.id,
            follow_up_id=opener.follow_up.id,
            claim_token=opener.claim_token,
            request_id=new_request_id(),
        )
    )
    state = ConversationState.Name(started.conversation.state).removeprefix("CONVERSATION_STATE_")
    print(f"opener sent: lead {status_word(started.lead)}, conversation {state}")

    reminder = claim(client, lead, FOLLOW_UP_KIND_REMINDER_1)
    completed = client.conversations.CompleteFollowUp(
        CompleteFollowUpRequest(
            tenant_id=client.tenant_id,
            follow_up_id=reminder.follow_up.id,
            claim_token=reminder.claim_token,
            request_id=new_request_id(),
        )
    )
    status = FollowUpStatus.Name(completed.follow_up.status).removeprefix("FOLLOW_UP_STATUS_")
    print(f"reminder sent: {status}")


def claim(client: Client, lead: Lead, kind: FollowUpKind.ValueType) -> ClaimedFollowUp:
    """Waits until the lead's message of a kind is due, and claims it."""
    request = ClaimFollowUpsRequest(
        tenant_id=client.tenant_id,
        kinds=[kind],
        lease=Duration(seconds=LEASE_SECONDS),
        wait=Duration(seconds=WAIT_SECONDS),
    )
    for _ in range(WAITS):
        # The call waits on the server; its deadline is later than that.
        answer = client.conversations.ClaimFollowUps(request, timeout=WAIT_SECONDS + GRACE_SECONDS)
        for claimed in answer.follow_ups:
            if claimed.lead.id == lead.id:
                word = FollowUpKind.Name(kind).removeprefix("FOLLOW_UP_KIND_")
                print(f"due: {word}, attempt {claimed.attempt}")
                return claimed
    raise unexpected("a message to become due; give the tour a tenant of its own, see the README")


def qualify(client: Client, lead: Lead) -> Lead:
    """Writes down what the customer answered."""
    answer = client.leads.QualifyLead(
        QualifyLeadRequest(
            tenant_id=client.tenant_id,
            lead_id=lead.id,
            customer_name="Dana",
            need="a leaking tap",
            mark_qualified=True,
            request_id=new_request_id(),
        )
    )
    words = [QualificationField.Name(field).removeprefix("QUALIFICATION_FIELD_") for field in answer.missing]
    print(f"qualified: {status_word(answer.lead)}, still to ask: {', '.join(words)}")
    return answer.lead


def win(client: Client, qualified: Lead) -> None:
    """Moves the lead to CONTACTED and CONVERTED, from where it goes nowhere."""
    contacted = transition(client, qualified, LEAD_STATUS_CONTACTED)
    print(f"moved: {status_word(contacted)}")

    try:
        # The mark of a state that is gone by now: somebody else's change would look the same.
        won = transition(client, qualified, LEAD_STATUS_CONVERTED)
    except grpc.RpcError as error:
        if reason(error) != "ETAG_MISMATCH":
            raise
        print("moved with an old etag: ETAG_MISMATCH, so read again")
        present = client.leads.GetLead(GetLeadRequest(tenant_id=client.tenant_id, lead_id=qualified.id))
        won = transition(client, present.lead, LEAD_STATUS_CONVERTED)
    print(f"moved: {status_word(won)}")

    refused = refusal(lambda: transition(client, won, LEAD_STATUS_NEW), "a move from CONVERTED to be refused")
    allowed = "on" if won.allowed_transitions else "nowhere"
    print(f"moved to NEW: {reason(refused)}, CONVERTED goes {allowed}")


def transition(client: Client, lead: Lead, to_status: LeadStatus.ValueType) -> Lead:
    """Moves a lead to another status, unless somebody changed it meanwhile."""
    request = TransitionLeadRequest(
        tenant_id=client.tenant_id,
        lead_id=lead.id,
        to_status=to_status,
        etag=lead.etag,
        request_id=new_request_id(),
    )
    return client.leads.TransitionLead(request).lead


def refusal(call: Callable[[], object], expected: str) -> grpc.RpcError:
    """The error of a call that must fail."""
    try:
        call()
    except grpc.RpcError as error:
        if reason(error) is None:
            raise
        return error
    raise unexpected(expected)


def unexpected(expected: str) -> Problem:
    return Problem(f"The tour expected {expected}.")


def new_request_id() -> str:
    """An id under which a request may be sent again. A new request gets a new one."""
    return str(uuid.uuid4())


def made(created: bool) -> str:
    return "made by this request" if created else "there already"


def status_word(lead: Lead) -> str:
    return LeadStatus.Name(lead.status).removeprefix("LEAD_STATUS_")
