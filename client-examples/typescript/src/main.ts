// A tour of the API on the generated TypeScript client: one customer from first contact to won, with deadlines, safe repeats,
// and errors told apart by their reason. The examples in the other languages do the same and print the same lines.
//
// LEADCAPTURE_SERVER  address of the gRPC server (http://127.0.0.1:50051)
// LEADCAPTURE_TOKEN   token to send; none if not set
// LEADCAPTURE_TENANT  id of the tenant; not needed with a token that is bound to one

import { connect } from "./client.js";
import { explain } from "./problem.js";
import { tell } from "./story.js";

const address = process.env["LEADCAPTURE_SERVER"] ?? "http://127.0.0.1:50051";
try {
  const client = connect(address, process.env["LEADCAPTURE_TOKEN"], process.env["LEADCAPTURE_TENANT"]);
  try {
    await tell(client);
  } finally {
    client.close();
  }
} catch (error) {
  console.error(explain(error, address));
  process.exitCode = 1;
}
