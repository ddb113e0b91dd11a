/** The client: batches, tries again, hands positions on. */

import { errorOf, TipsterError, Unavailable } from "./errors.js";
import type { Coupon, Item, Recommendations, Rejected, SportsEvent, User } from "./records.js";

const BATCH_LINES_MAX = 1000;
const BATCH_BYTES_MAX = 1_000_000; // the server takes 1 MiB
const BACKOFF_FIRST_MS = 50;
const BACKOFF_MAX_MS = 2000;
const PASSING = [408, 425, 429]; // and 5xx: the same request may succeed later

export interface Options {
  key?: string;
  /** Of each single try. */
  timeoutMs?: number;
  /** How long one request is tried while the server is away or busy. */
  retryForMs?: number;
  /** Records per request, up to 1 000. */
  batchLines?: number;
}

/** What became of a push: how many records Kafka has, and where. */
export interface Pushed {
  accepted: number;
  /** Tipster-Position of the last batch; hand it to a read as `after`. */
  position: string | undefined;
}

export interface Filters {
  n?: number;
  sport?: string[];
  league?: string[];
  country?: string[];
  after?: string | undefined;
}

export interface RecommendOptions extends Filters {
  exclude?: string[];
  before?: string;
  explain?: boolean;
}

type Params = [string, string][];
type Records<T> = Iterable<T> | AsyncIterable<T>;

interface Request {
  method: string;
  path: string;
  params?: Params;
  body?: string;
  after?: string | undefined;
}

interface Answer {
  body: unknown;
  position: string | undefined;
}

/** One server, one key. */
export class Tipster {
  private readonly url: string;
  private readonly headers: Record<string, string> = {};
  private readonly timeoutMs: number;
  private readonly retryForMs: number;
  private readonly batchLines: number;

  constructor(url: string, options: Options = {}) {
    this.url = url.replace(/\/+$/, "");
    this.timeoutMs = options.timeoutMs ?? 10_000;
    this.retryForMs = options.retryForMs ?? 60_000;
    this.batchLines = options.batchLines ?? 500;
    if (!Number.isInteger(this.batchLines) || this.batchLines < 1 || this.batchLines > BATCH_LINES_MAX) {
      throw new RangeError(`batchLines must be from 1 to ${BATCH_LINES_MAX}`);
    }
    if (options.key !== undefined) {
      this.headers["Authorization"] = `Bearer ${options.key}`;
    }
  }

  // --- pushing

  pushUsers(users: Records<User>): Promise<Pushed> {
    return this.push("users", users);
  }

  pushEvents(events: Records<SportsEvent>): Promise<Pushed> {
    return this.push("events", events);
  }

  pushCoupons(coupons: Records<Coupon>): Promise<Pushed> {
    return this.push("coupons", coupons);
  }

  async withdrawEvent(eventId: string, version?: number): Promise<Pushed> {
    const params: Params = version === undefined ? [] : [["version", String(version)]];
    return pushed(await this.request({ method: "DELETE", path: `/v1/events/${encodeURIComponent(eventId)}`, params }));
  }

  /** Everything about the user; needs the scope admin. */
  async eraseUser(userId: string): Promise<Pushed> {
    return pushed(await this.request({ method: "DELETE", path: `/v1/users/${encodeURIComponent(userId)}` }));
  }

  private async push(kind: string, records: Records<object>): Promise<Pushed> {
    const total: Pushed = { accepted: 0, position: undefined };
    for await (const body of batches(records, this.batchLines)) {
      const one = pushed(await this.request({ method: "POST", path: `/v1/${kind}`, body }));
      total.accepted += one.accepted;
      total.position = one.position;
    }
    return total;
  }

  // --- asking

  async recommendations(userId: string, options: RecommendOptions = {}): Promise<Recommendations> {
    const params = filters(options);
    params.push(...(options.exclude ?? []).map((id): [string, string] => ["exclude", id]));
    if (options.before !== undefined) {
      params.push(["before", options.before]);
    }
    if (options.explain) {
      params.push(["explain", "1"]);
    }
    return (await this.get(`/v1/recommendations/${encodeURIComponent(userId)}`, params, options.after)) as Recommendations;
  }

  async similar(eventId: string, options: Pick<Filters, "n" | "after"> = {}): Promise<Item[]> {
    const path = `/v1/events/${encodeURIComponent(eventId)}/similar`;
    return ((await this.get(path, filters(options), options.after)) as { items: Item[] }).items;
  }

  async popular(options: Filters = {}): Promise<Item[]> {
    return ((await this.get("/v1/popular", filters(options), options.after)) as { items: Item[] }).items;
  }

  // --- looking up; undefined where the server has no such record

  user(userId: string, after?: string): Promise<User | undefined> {
    return this.find<User>(`/v1/users/${encodeURIComponent(userId)}`, [], after);
  }

  event(eventId: string, after?: string): Promise<SportsEvent | undefined> {
    return this.find<SportsEvent>(`/v1/events/${encodeURIComponent(eventId)}`, [], after);
  }

  /** Several users may have coupons of one id: then userId says whose. */
  coupon(couponId: string, userId?: string, after?: string): Promise<Coupon | undefined> {
    const params: Params = userId === undefined ? [] : [["user_id", userId]];
    return this.find<Coupon>(`/v1/coupons/${encodeURIComponent(couponId)}`, params, after);
  }

  /** Upcoming ones by default, in their order. */
  events(options: Pick<Filters, "sport" | "league" | "country"> = {}): AsyncGenerator<SportsEvent> {
    return this.pages<SportsEvent>("/v1/events", filters(options));
  }

  /** Newest first. */
  couponsOf(userId: string): AsyncGenerator<Coupon> {
    return this.pages<Coupon>(`/v1/users/${encodeURIComponent(userId)}/coupons`, []);
  }

  /** What could not be stored, newest first; needs the scope admin. */
  rejected(): AsyncGenerator<Rejected> {
    return this.pages<Rejected>("/v1/rejected", []);
  }

  // --- requests

  private async get(path: string, params: Params, after?: string): Promise<unknown> {
    return (await this.request({ method: "GET", path, params, after })).body;
  }

  private async find<T>(path: string, params: Params, after?: string): Promise<T | undefined> {
    try {
      return (await this.get(path, params, after)) as T;
    } catch (error) {
      if (error instanceof TipsterError && error.status === 404) {
        return undefined;
      }
      throw error;
    }
  }

  private async *pages<T>(path: string, params: Params): AsyncGenerator<T> {
    let cursor: string | null = "";
    while (cursor !== null) {
      const extra: Params = cursor === "" ? [] : [["cursor", cursor]];
      const page = (await this.get(path, [...params, ...extra])) as { items: T[]; next_cursor: string | null };
      yield* page.items;
      cursor = page.next_cursor;
    }
  }

  /** One request, tried again while that may help. Every one may be repeated: records have ids. */
  private async request(request: Request): Promise<Answer> {
    const giveUpMs = performance.now() + this.retryForMs;
    for (let attempt = 0; ; attempt++) {
      let waitMs = backoffMs(attempt);
      let problem: TipsterError;
      try {
        const answer = await this.send(request);
        if (answer.ok) {
          return { body: await answer.json(), position: answer.headers.get("Tipster-Position") ?? undefined };
        }
        const passing = PASSING.includes(answer.status) || answer.status >= 500;
        problem = errorOf(answer.status, await answer.json().catch(() => undefined), passing);
        if (!passing) {
          throw problem;
        }
        waitMs = Math.max(waitMs, retryAfterMs(answer));
      } catch (failure) {
        if (failure instanceof TipsterError) {
          throw failure;
        }
        problem = new Unavailable(0, "", `${this.url}: ${reasonOf(failure)}`);
      }
      if (performance.now() + waitMs > giveUpMs) {
        throw problem;
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  private send(request: Request): Promise<Response> {
    const headers = { ...this.headers };
    if (request.body !== undefined) {
      headers["Content-Type"] = "application/x-ndjson";
    }
    if (request.after !== undefined) {
      headers["Tipster-After"] = request.after;
    }
    const query = new URLSearchParams(request.params ?? []).toString();
    return fetch(this.url + request.path + (query === "" ? "" : `?${query}`), {
      method: request.method,
      headers,
      signal: AbortSignal.timeout(this.timeoutMs),
      ...(request.body === undefined ? {} : { body: request.body }),
    });
  }
}

function filters(options: Filters): Params {
  const params: Params = options.n === undefined ? [] : [["n", String(options.n)]];
  for (const name of ["sport", "league", "country"] as const) {
    params.push(...(options[name] ?? []).map((value): [string, string] => [name, value]));
  }
  return params;
}

async function* batches(records: Records<object>, linesMax: number): AsyncGenerator<string> {
  const encoder = new TextEncoder();
  let lines: string[] = [];
  let size = 0;
  for await (const record of records) {
    const line = JSON.stringify(record);
    const bytes = encoder.encode(line).length + 1;
    if (lines.length > 0 && (lines.length === linesMax || size + bytes > BATCH_BYTES_MAX)) {
      yield lines.join("\n");
      lines = [];
      size = 0;
    }
    lines.push(line);
    size += bytes;
  }
  if (lines.length > 0) {
    yield lines.join("\n");
  }
}

function pushed({ body, position }: Answer): Pushed {
  return { accepted: (body as { accepted: number }).accepted, position };
}

/** Half to one and a half of a doubling pause: clients must not come back in one moment. */
function backoffMs(attempt: number): number {
  return Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random());
}

/** A date (a proxy's) counts as none, as does nonsense. */
function retryAfterMs(answer: Response): number {
  const text = answer.headers.get("Retry-After") ?? "";
  return /^\d+$/.test(text) ? Number(text) * 1000 : 0;
}

/** fetch says "fetch failed" and hides why behind it. */
function reasonOf(failure: unknown): string {
  if (!(failure instanceof Error)) {
    return String(failure);
  }
  return failure.cause instanceof Error ? `${failure.message}: ${failure.cause.message}` : failure.message;
}
