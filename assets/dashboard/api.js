// Requests with the key, which stands in this module's memory and nowhere else.

let key = "";

export const setKey = (value) => { key = value; };

/** What went wrong: status 0 when no answer came. */
export class ApiError extends Error {
  constructor(status, problem) {
    super(problem?.detail || problem?.title || (status === 0 ? "the server does not answer" : `status ${status}`));
    this.status = status;
    this.problem = problem;
  }

  /** Whether the same request may succeed later. */
  get passing() { return this.status === 0 || this.status === 429 || this.status >= 500; }
}

/** {data, headers} of a 2xx answer; ApiError for everything else. query: {name: value}; body: sent as JSON. */
export async function call(method, path, { query, body, headers } = {}) {
  const text = query ? `?${new URLSearchParams(query)}` : "";
  let response;
  try {
    response = await fetch(path + text, {
      method,
      headers: {
        Authorization: `Bearer ${key}`,
        ...(body ? { "Content-Type": "application/json" } : {}),
        ...headers,
      },
      body: body ? JSON.stringify(body) : undefined,
      cache: "no-store",
      credentials: "omit",
      signal: AbortSignal.timeout(10_000),
    });
  } catch {
    throw new ApiError(0);
  }
  const data = await response.json().catch(() => null);
  if (!response.ok) throw new ApiError(response.status, data);
  return { data, headers: response.headers };
}

export const get = (path, query, headers) => call("GET", path, { query, headers });
export const segment = encodeURIComponent;
