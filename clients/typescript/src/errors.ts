/** What the server says went wrong (RFC 9457), as exceptions. */

/** One thing that is wrong in what was sent. */
export interface Violation {
  /** Of the batch, from 1; absent for a single record or a parameter. */
  line?: number;
  pointer: string;
  code: string;
  detail: string;
}

/** The server refused. */
export class TipsterError extends Error {
  constructor(
    /** 0: no answer came. */
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly requestId = "",
    readonly violations: Violation[] = [],
  ) {
    super(status > 0 ? `${status} ${code}: ${detail}` : detail);
    this.name = new.target.name;
  }
}

/** It did not answer, or answered that it cannot just now, for as long as was tried. */
export class Unavailable extends TipsterError {}

/** body: the parsed answer, whatever it is. */
export function errorOf(status: number, body: unknown, unavailable: boolean): TipsterError {
  const problem = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const kind = unavailable ? Unavailable : TipsterError;
  return new kind(
    status,
    String(problem["code"] ?? ""),
    String(problem["detail"] ?? problem["title"] ?? "no reason given"),
    String(problem["request_id"] ?? ""),
    Array.isArray(problem["errors"]) ? (problem["errors"] as Violation[]) : [],
  );
}
