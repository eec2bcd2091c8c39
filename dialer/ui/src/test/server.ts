import { vi } from 'vitest';

type Answer = Response | Error | Promise<Response>;
type Handler = (request: { headers: Headers; body: unknown }) => Answer;

/** One call the page made, as the server would see it. */
export interface Call {
  route: string;
  headers: Headers;
  body: unknown;
}

export function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'Content-Type': 'application/json', ...headers },
  });
}

/**
 * Answers `fetch` from a table of `METHOD /path`. An `Error` stands for a connection that fails; a route that is
 * not in the table fails the test. The table can be changed while the test runs.
 */
export function serve(routes: Record<string, Handler>): Call[] {
  const calls: Call[] = [];
  vi.stubGlobal('fetch', async (path: string, init: RequestInit) => {
    const route = `${init.method ?? 'GET'} ${path}`;
    const headers = new Headers(init.headers);
    const body: unknown = typeof init.body === 'string' ? JSON.parse(init.body) : undefined;
    calls.push({ route, headers, body });
    const handler = routes[route];
    if (handler === undefined) {
      throw new Error(`the test serves no ${route}`);
    }
    init.signal?.throwIfAborted();
    const answer = await handler({ headers, body });
    if (answer instanceof Error) {
      throw answer;
    }
    return answer;
  });
  return calls;
}

/** A token with these claims; its signature is of no interest to the page. */
export function tokenWith(claims: Record<string, unknown>): string {
  const part = (value: unknown) =>
    btoa(JSON.stringify(value)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
  return `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}.signature`;
}

/** A token that ends `seconds` after `now` (milliseconds). */
export function tokenEndingAfter(seconds: number, now: number, sid = '00'): string {
  const iat = Math.floor(now / 1000);
  return tokenWith({ _id: '64b000000000000000000001', sid, iat, exp: iat + seconds });
}
