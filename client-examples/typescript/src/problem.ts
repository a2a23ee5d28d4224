// What can go wrong, in words for the person at the terminal.

import { ClientError, Status } from "nice-grpc";
import { BadRequest, ErrorInfo, RichClientError } from "nice-grpc-error-details";

/** A failure that ends the program. */
export class Problem extends Error {}

/** The reason of a failed call; what a program decides by. */
export function reason(error: unknown): string | undefined {
  if (error instanceof RichClientError) {
    for (const detail of error.extra) {
      if (detail.$type === ErrorInfo.$type) {
        return detail.reason;
      }
    }
  }
  return undefined;
}

/** The fields that a request was refused for. */
export function badFields(error: unknown): string[] {
  const details = error instanceof RichClientError ? error.extra : [];
  return details.flatMap((detail) =>
    detail.$type === BadRequest.$type ? detail.fieldViolations.map((violation) => violation.field) : [],
  );
}

/** Tells what a failure means for the person at the terminal. */
export function explain(error: unknown, address: string): string {
  if (error instanceof Problem) {
    return error.message;
  }
  if (!(error instanceof ClientError)) {
    throw error;
  }
  const why = reason(error);
  if (error.code === Status.UNAUTHENTICATED) {
    return `The server at ${address} wants a valid token: set LEADCAPTURE_TOKEN.`;
  }
  if (error.code === Status.UNAVAILABLE && why === undefined) {
    return `No leadcapture server answers at ${address}. Start it with \`make run\` in another terminal and try again.`;
  }
  if (error.code === Status.DEADLINE_EXCEEDED && why === undefined) {
    return `The server at ${address} did not answer in time. Try again; if that does not help, look at its log.`;
  }
  return `The server refused a request: ${error.details} (${why ?? Status[error.code]})`;
}
