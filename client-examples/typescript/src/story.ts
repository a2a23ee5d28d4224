// One customer from first contact to won. Every step prints one line.

import { randomInt, randomUUID } from "node:crypto";

import type { Client } from "./client.js";
import { FollowUpKind } from "./generated/leadcapture/v1/conversation.js";
import type { ClaimedFollowUp } from "./generated/leadcapture/v1/conversation.js";
import { LeadSource, LeadStatus } from "./generated/leadcapture/v1/lead.js";
import type { Lead } from "./generated/leadcapture/v1/lead.js";
import { badFields, Problem, reason } from "./problem.js";

const LEASE_SECONDS = 60;
// How long the server waits for something to become due before it answers that nothing is.
const WAIT_SECONDS = 20;
// By how much a call's deadline is later than what the server waits.
const GRACE_SECONDS = 5;
const WAITS = 3;
const PAGE_SIZE = 2;

/** Tells the whole story. */
export async function tell(client: Client): Promise<void> {
  const lead = await captureThree(client);
  await list(client, lead);
  await sendWhatIsDue(client, lead);
  await win(client, await qualify(client, lead));
}

/** Captures three customers; answers the lead of the first, who is to get a message. */
async function captureThree(client: Client): Promise<Lead> {
  const first = randomInt(2_000_000, 9_000_000);
  const request = {
    tenantId: client.tenantId,
    source: LeadSource.WEBSITE,
    customerPhone: `050-${first}`,
    scheduleOpener: true,
    requestId: randomUUID(),
  };
  const captured = await client.leads.captureLead(request);
  const lead = given(captured.lead, "a lead");
  console.log(`captured: ${word(lead.status, "LEAD_STATUS_")}, ${made(captured.created)}`);

  // As after a lost answer: with the same requestId a request may be sent again.
  const again = await client.leads.captureLead(request);
  const same = again.lead?.id === lead.id && again.lead.etag === lead.etag;
  console.log(`sent again: ${same ? "the same lead" : "another lead"}, ${made(again.created)}`);

  const other = await refusal(
    client.leads.captureLead({ ...request, customerPhone: `050-${first + 1}` }),
    "a used request_id to be refused",
  );
  console.log(`another request with that request_id: ${reason(other)}`);

  const bad = await refusal(
    client.leads.captureLead({ ...request, customerPhone: "12", requestId: randomUUID() }),
    "a bad phone to be refused",
  );
  console.log(`a phone that is none: ${reason(bad)} ${badFields(bad).join(", ")}`);

  for (const number of [first + 1, first + 2]) {
    await client.leads.captureLead({
      ...request,
      customerPhone: `050-${number}`,
      scheduleOpener: false,
      requestId: randomUUID(),
    });
  }
  console.log("captured two more");
  return lead;
}

/** Lists the leads captured since the first one, page by page. */
async function list(client: Client, first: Lead): Promise<void> {
  let leads = 0;
  let pages = 0;
  let pageToken = "";
  do {
    const page = await client.leads.listLeads({
      tenantId: client.tenantId,
      capturedFrom: first.capturedAt,
      pageSize: PAGE_SIZE,
      pageToken,
    });
    leads += page.leads.length;
    pages += 1;
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  console.log(`listed: ${leads} leads on ${pages} pages`);
}

/** Does what a worker does: claims the opener and the reminder as they become due, and reports them as sent. */
async function sendWhatIsDue(client: Client, lead: Lead): Promise<void> {
  const opener = await claim(client, lead, FollowUpKind.OPENER);
  const started = await client.conversations.startConversation({
    tenantId: client.tenantId,
    leadId: lead.id,
    followUpId: given(opener.followUp, "a follow-up").id,
    claimToken: opener.claimToken,
    requestId: randomUUID(),
  });
  const leadStatus = word(given(started.lead, "a lead").status, "LEAD_STATUS_");
  const state = word(given(started.conversation, "a conversation").state, "CONVERSATION_STATE_");
  console.log(`opener sent: lead ${leadStatus}, conversation ${state}`);

  const reminder = await claim(client, lead, FollowUpKind.REMINDER_1);
  const completed = await client.conversations.completeFollowUp({
    tenantId: client.tenantId,
    followUpId: given(reminder.followUp, "a follow-up").id,
    claimToken: reminder.claimToken,
    requestId: randomUUID(),
  });
  const status = given(completed.followUp, "a follow-up").status;
  console.log(`reminder sent: ${word(status, "FOLLOW_UP_STATUS_")}`);
}

/** Waits until the lead's message of a kind is due, and claims it. */
async function claim(client: Client, lead: Lead, kind: FollowUpKind): Promise<ClaimedFollowUp> {
  for (let attempt = 0; attempt < WAITS; attempt += 1) {
    const answer = await client.conversations.claimFollowUps(
      {
        tenantId: client.tenantId,
        kinds: [kind],
        lease: { seconds: LEASE_SECONDS },
        wait: { seconds: WAIT_SECONDS },
      },
      // The call waits on the server; its deadline is later than that.
      { deadline: (WAIT_SECONDS + GRACE_SECONDS) * 1000 },
    );
    const own = answer.followUps.find((claimed) => claimed.lead?.id === lead.id);
    if (own !== undefined) {
      console.log(`due: ${word(kind, "FOLLOW_UP_KIND_")}, attempt ${own.attempt}`);
      return own;
    }
  }
  throw unexpected("a message to become due; give the tour a tenant of its own, see the README");
}

/** Writes down what the customer answered. */
async function qualify(client: Client, lead: Lead): Promise<Lead> {
  const answer = await client.leads.qualifyLead({
    tenantId: client.tenantId,
    leadId: lead.id,
    customerName: "Dana",
    need: "a leaking tap",
    markQualified: true,
    requestId: randomUUID(),
  });
  const qualified = given(answer.lead, "a lead");
  const missing = answer.missing.map((field) => word(field, "QUALIFICATION_FIELD_")).join(", ");
  console.log(`qualified: ${word(qualified.status, "LEAD_STATUS_")}, still to ask: ${missing}`);
  return qualified;
}

/** Moves the lead to CONTACTED and CONVERTED, from where it goes nowhere. */
async function win(client: Client, qualified: Lead): Promise<void> {
  const contacted = await transition(client, qualified, LeadStatus.CONTACTED);
  console.log(`moved: ${word(contacted.status, "LEAD_STATUS_")}`);

  let won: Lead;
  try {
    // The mark of a state that is gone by now: somebody else's change would look the same.
    won = await transition(client, qualified, LeadStatus.CONVERTED);
  } catch (error) {
    if (reason(error) !== "ETAG_MISMATCH") {
      throw error;
    }
    console.log("moved with an old etag: ETAG_MISMATCH, so read again");
    const present = await client.leads.getLead({ tenantId: client.tenantId, leadId: qualified.id });
    won = await transition(client, given(present.lead, "a lead"), LeadStatus.CONVERTED);
  }
  console.log(`moved: ${word(won.status, "LEAD_STATUS_")}`);

  const refused = await refusal(
    transition(client, won, LeadStatus.NEW),
    "a move from CONVERTED to be refused",
  );
  const allowed = won.allowedTransitions.length === 0 ? "nowhere" : "on";
  console.log(`moved to NEW: ${reason(refused)}, CONVERTED goes ${allowed}`);
}

async function transition(client: Client, lead: Lead, toStatus: LeadStatus): Promise<Lead> {
  const answer = await client.leads.transitionLead({
    tenantId: client.tenantId,
    leadId: lead.id,
    toStatus,
    etag: lead.etag,
    requestId: randomUUID(),
  });
  return given(answer.lead, "a lead");
}

/** The error of a call that must fail. */
async function refusal(call: Promise<unknown>, expected: string): Promise<unknown> {
  try {
    await call;
  } catch (error) {
    if (reason(error) !== undefined) {
      return error;
    }
    throw error;
  }
  throw unexpected(expected);
}

function given<T>(value: T | undefined, expected: string): T {
  if (value === undefined) {
    throw unexpected(expected);
  }
  return value;
}

function unexpected(expected: string): Problem {
  return new Problem(`The tour expected ${expected}.`);
}

function made(created: boolean): string {
  return created ? "made by this request" : "there already";
}

/** An enum value's name without the prefix of its enum. */
function word(name: string, prefix: string): string {
  return name.startsWith(prefix) ? name.slice(prefix.length) : name;
}
