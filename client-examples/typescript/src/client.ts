// The connection: token, deadlines, and repeats of calls that may be sent again.

import { readFileSync } from "node:fs";

import { ChannelCredentials, createChannel, createClientFactory, Metadata } from "nice-grpc";
import type { Client as NiceClient } from "nice-grpc";
import { deadlineMiddleware } from "nice-grpc-client-middleware-deadline";
import type { DeadlineOptions } from "nice-grpc-client-middleware-deadline";
import { errorDetailsClientMiddleware } from "nice-grpc-error-details";

import { ConversationServiceDefinition } from "./generated/leadcapture/v1/conversation_service.js";
import { LeadServiceDefinition } from "./generated/leadcapture/v1/lead_service.js";
import { Problem } from "./problem.js";

// Deadlines, repeats and balancing for every method. It repeats calls: a request that changes something needs a requestId.
const SERVICE_CONFIG = new URL("../../service-config.json", import.meta.url);

/** The generated clients, on one connection. */
export interface Client {
  leads: NiceClient<typeof LeadServiceDefinition, DeadlineOptions>;
  conversations: NiceClient<typeof ConversationServiceDefinition, DeadlineOptions>;
  /** The tenant that requests name; empty with a token that is bound to one. */
  tenantId: string;
  close(): void;
}

/** Prepares a client. It connects with the first call; `https` means TLS. */
export function connect(address: string, token = "", tenantId = ""): Client {
  if (!/^https?:\/\/[^/]+$/.test(address)) {
    throw new Problem(`LEADCAPTURE_SERVER is not an address like http://127.0.0.1:50051: ${address}`);
  }
  const channel = createChannel(address, address.startsWith("https:") ? certificates() : undefined, {
    "grpc.service_config": readFileSync(SERVICE_CONFIG, "utf8"),
  });
  const factory = createClientFactory().use(errorDetailsClientMiddleware).use(deadlineMiddleware);
  const metadata = Metadata(token === "" ? {} : { authorization: `Bearer ${token}` });
  const options = { "*": { metadata } };
  return {
    leads: factory.create(LeadServiceDefinition, channel, options),
    conversations: factory.create(ConversationServiceDefinition, channel, options),
    tenantId,
    close: () => channel.close(),
  };
}

/** Trusts the authorities in LEADCAPTURE_CA, or well-known ones, and shows the certificate in LEADCAPTURE_CERT, if any. */
function certificates(): ChannelCredentials {
  const content = (variable: string): Buffer | null => {
    const file = process.env[variable];
    if (file === undefined || file === "") return null;
    try {
      return readFileSync(file);
    } catch (error) {
      throw new Problem(`${variable}: ${String(error)}`);
    }
  };
  return ChannelCredentials.createSsl(
    content("LEADCAPTURE_CA"),
    content("LEADCAPTURE_KEY"),
    content("LEADCAPTURE_CERT"),
  );
}
