package main

import (
	"context"
	"fmt"
	"math/rand"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	pb "leadcapture.example/tour/leadcapturev1"
)

const (
	lease = time.Minute
	// wait is how long the server waits for something to become due before it answers that nothing is.
	wait = 20 * time.Second
	// grace is by how much a call's deadline is later than what the server waits.
	grace    = 5 * time.Second
	waits    = 3
	pageSize = 2
)

// tell takes one customer from first contact to won. Every step prints one line.
func tell(ctx context.Context, c *client) error {
	lead, err := captureThree(ctx, c)
	if err != nil {
		return err
	}
	if err := list(ctx, c, lead); err != nil {
		return err
	}
	if err := sendWhatIsDue(ctx, c, lead); err != nil {
		return err
	}
	qualified, err := qualify(ctx, c, lead)
	if err != nil {
		return err
	}
	return win(ctx, c, qualified)
}

// captureThree captures three customers; it answers the lead of the first, who is to get a message.
func captureThree(ctx context.Context, c *client) (*pb.Lead, error) {
	random := rand.New(rand.NewSource(time.Now().UnixNano()))
	first := 2_000_000 + random.Intn(7_000_000)
	request := &pb.CaptureLeadRequest{
		TenantId:       c.tenantID,
		Source:         pb.LeadSource_LEAD_SOURCE_WEBSITE,
		CustomerPhone:  fmt.Sprintf("050-%d", first),
		ScheduleOpener: true,
		RequestId:      uuid.NewString(),
	}
	captured, err := c.leads.CaptureLead(ctx, request)
	if err != nil {
		return nil, err
	}
	lead := captured.GetLead()
	fmt.Printf("captured: %s, %s\n", statusWord(lead), made(captured.GetCreated()))

	// As after a lost answer: with the same request_id a request may be sent again.
	again, err := c.leads.CaptureLead(ctx, request)
	if err != nil {
		return nil, err
	}
	same := "another lead"
	if again.GetLead().GetId() == lead.GetId() && again.GetLead().GetEtag() == lead.GetEtag() {
		same = "the same lead"
	}
	fmt.Printf("sent again: %s, %s\n", same, made(again.GetCreated()))

	other := proto.Clone(request).(*pb.CaptureLeadRequest)
	other.CustomerPhone = fmt.Sprintf("050-%d", first+1)
	_, err = c.leads.CaptureLead(ctx, other)
	if reason(err) == "" {
		return nil, orUnexpected(err, "a used request_id to be refused")
	}
	fmt.Printf("another request with that request_id: %s\n", reason(err))

	bad := proto.Clone(request).(*pb.CaptureLeadRequest)
	bad.CustomerPhone, bad.RequestId = "12", uuid.NewString()
	_, err = c.leads.CaptureLead(ctx, bad)
	if reason(err) == "" {
		return nil, orUnexpected(err, "a bad phone to be refused")
	}
	fmt.Printf("a phone that is none: %s %s\n", reason(err), strings.Join(badFields(err), ", "))

	for _, number := range []int{first + 1, first + 2} {
		more := proto.Clone(request).(*pb.CaptureLeadRequest)
		more.CustomerPhone, more.ScheduleOpener, more.RequestId = fmt.Sprintf("050-%d", number), false, uuid.NewString()
		if _, err := c.leads.CaptureLead(ctx, more); err != nil {
			return nil, err
		}
	}
	fmt.Println("captured two more")
	return lead, nil
}

// list lists the leads captured since the first one, page by page.
func list(ctx context.Context, c *client, first *pb.Lead) error {
	request := &pb.ListLeadsRequest{TenantId: c.tenantID, CapturedFrom: first.GetCapturedAt(), PageSize: pageSize}
	leads, pages := 0, 0
	for pages == 0 || request.PageToken != "" {
		page, err := c.leads.ListLeads(ctx, request)
		if err != nil {
			return err
		}
		leads += len(page.GetLeads())
		pages++
		request.PageToken = page.GetNextPageToken()
	}
	fmt.Printf("listed: %d leads on %d pages\n", leads, pages)
	return nil
}

// sendWhatIsDue does what a worker does: it claims the opener and the reminder as they become due, and reports them as sent.
func sendWhatIsDue(ctx context.Context, c *client, lead *pb.Lead) error {
	opener, err := claim(ctx, c, lead, pb.FollowUpKind_FOLLOW_UP_KIND_OPENER)
	if err != nil {
		return err
	}
	started, err := c.conversations.StartConversation(ctx, &pb.StartConversationRequest{
		TenantId:   c.tenantID,
		LeadId:     lead.GetId(),
		FollowUpId: opener.GetFollowUp().GetId(),
		ClaimToken: opener.GetClaimToken(),
		RequestId:  uuid.NewString(),
	})
	if err != nil {
		return err
	}
	state := strings.TrimPrefix(started.GetConversation().GetState().String(), "CONVERSATION_STATE_")
	fmt.Printf("opener sent: lead %s, conversation %s\n", statusWord(started.GetLead()), state)

	reminder, err := claim(ctx, c, lead, pb.FollowUpKind_FOLLOW_UP_KIND_REMINDER_1)
	if err != nil {
		return err
	}
	completed, err := c.conversations.CompleteFollowUp(ctx, &pb.CompleteFollowUpRequest{
		TenantId:   c.tenantID,
		FollowUpId: reminder.GetFollowUp().GetId(),
		ClaimToken: reminder.GetClaimToken(),
		RequestId:  uuid.NewString(),
	})
	if err != nil {
		return err
	}
	fmt.Printf("reminder sent: %s\n", strings.TrimPrefix(completed.GetFollowUp().GetStatus().String(), "FOLLOW_UP_STATUS_"))
	return nil
}

// claim waits until the lead's message of a kind is due, and claims it.
func claim(ctx context.Context, c *client, lead *pb.Lead, kind pb.FollowUpKind) (*pb.ClaimedFollowUp, error) {
	request := &pb.ClaimFollowUpsRequest{
		TenantId: c.tenantID,
		Kinds:    []pb.FollowUpKind{kind},
		Lease:    durationpb.New(lease),
		Wait:     durationpb.New(wait),
	}
	for i := 0; i < waits; i++ {
		answer, err := claimOnce(ctx, c, request)
		if err != nil {
			return nil, err
		}
		for _, claimed := range answer.GetFollowUps() {
			if claimed.GetLead().GetId() == lead.GetId() {
				fmt.Printf("due: %s, attempt %d\n", strings.TrimPrefix(kind.String(), "FOLLOW_UP_KIND_"), claimed.GetAttempt())
				return claimed, nil
			}
		}
	}
	return nil, unexpected("a message to become due; give the tour a tenant of its own, see the README")
}

// claimOnce makes one call that waits on the server; its deadline is later than that.
func claimOnce(ctx context.Context, c *client, request *pb.ClaimFollowUpsRequest) (*pb.ClaimFollowUpsResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, wait+grace)
	defer cancel()
	return c.conversations.ClaimFollowUps(ctx, request)
}

// qualify writes down what the customer answered.
func qualify(ctx context.Context, c *client, lead *pb.Lead) (*pb.Lead, error) {
	answer, err := c.leads.QualifyLead(ctx, &pb.QualifyLeadRequest{
		TenantId:      c.tenantID,
		LeadId:        lead.GetId(),
		CustomerName:  proto.String("Dana"),
		Need:          proto.String("a leaking tap"),
		MarkQualified: true,
		RequestId:     uuid.NewString(),
	})
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, field := range answer.GetMissing() {
		missing = append(missing, strings.TrimPrefix(field.String(), "QUALIFICATION_FIELD_"))
	}
	fmt.Printf("qualified: %s, still to ask: %s\n", statusWord(answer.GetLead()), strings.Join(missing, ", "))
	return answer.GetLead(), nil
}

// win moves the lead to CONTACTED and CONVERTED, from where it goes nowhere.
func win(ctx context.Context, c *client, qualified *pb.Lead) error {
	contacted, err := transition(ctx, c, qualified, pb.LeadStatus_LEAD_STATUS_CONTACTED)
	if err != nil {
		return err
	}
	fmt.Printf("moved: %s\n", statusWord(contacted))

	// The mark of a state that is gone by now: somebody else's change would look the same.
	won, err := transition(ctx, c, qualified, pb.LeadStatus_LEAD_STATUS_CONVERTED)
	if reason(err) == "ETAG_MISMATCH" {
		fmt.Println("moved with an old etag: ETAG_MISMATCH, so read again")
		present, readErr := c.leads.GetLead(ctx, &pb.GetLeadRequest{TenantId: c.tenantID, LeadId: qualified.GetId()})
		if readErr != nil {
			return readErr
		}
		won, err = transition(ctx, c, present.GetLead(), pb.LeadStatus_LEAD_STATUS_CONVERTED)
	}
	if err != nil {
		return err
	}
	fmt.Printf("moved: %s\n", statusWord(won))

	_, err = transition(ctx, c, won, pb.LeadStatus_LEAD_STATUS_NEW)
	if reason(err) == "" {
		return orUnexpected(err, "a move from CONVERTED to be refused")
	}
	allowed := "on"
	if len(won.GetAllowedTransitions()) == 0 {
		allowed = "nowhere"
	}
	fmt.Printf("moved to NEW: %s, CONVERTED goes %s\n", reason(err), allowed)
	return nil
}

// transition moves a lead to another status, unless somebody changed it meanwhile.
func transition(ctx context.Context, c *client, lead *pb.Lead, to pb.LeadStatus) (*pb.Lead, error) {
	answer, err := c.leads.TransitionLead(ctx, &pb.TransitionLeadRequest{
		TenantId:  c.tenantID,
		LeadId:    lead.GetId(),
		ToStatus:  to,
		Etag:      lead.GetEtag(),
		RequestId: uuid.NewString(),
	})
	return answer.GetLead(), err
}

// orUnexpected is the error of a call that failed without a reason, or says that it did not fail at all.
func orUnexpected(err error, expected string) error {
	if err != nil {
		return err
	}
	return unexpected(expected)
}

func made(created bool) string {
	if created {
		return "made by this request"
	}
	return "there already"
}

func statusWord(lead *pb.Lead) string {
	return strings.TrimPrefix(lead.GetStatus().String(), "LEAD_STATUS_")
}
