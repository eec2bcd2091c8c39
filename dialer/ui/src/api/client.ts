import * as v from 'valibot';
import { formatDuration } from '../duration';
import { ApiError, type ApiErrorKind, type FieldError } from './error';
import { errorSchema, fieldErrorsSchema } from './schemas';

/** The server itself answers within a few seconds; beyond this the connection is taken for dead. */
export const REQUEST_TIMEOUT_MS = 15_000;
/** Longer texts are not sentences for a user (a proxy's page, a trace). */
const LONGEST_MESSAGE = 300;

export interface RequestOptions<T> {
  /** What the body of a success must look like; anything else is `malformed`. */
  schema: v.GenericSchema<unknown, T>;
  method?: 'GET' | 'POST';
  /** Sent as JSON when present. */
  body?: unknown;
  token?: string | undefined;
  signal?: AbortSignal | undefined;
  /** Statuses other than 2xx whose body is an answer and not an error. */
  alsoAccept?: readonly number[];
  /** Lets the request finish even if the page is closed meanwhile. */
  keepalive?: boolean;
}

/** Calls the API on this page's own origin. Throws an [`ApiError`] for every way it can fail. */
export async function request<T>(path: `/api/${string}`, options: RequestOptions<T>): Promise<T> {
  const response = await send(path, options);
  const body = await readJson(response, options.signal);
  const accepted = response.ok || (options.alsoAccept?.includes(response.status) ?? false);
  if (accepted) {
    const parsed = v.safeParse(options.schema, body);
    if (parsed.success) {
      return parsed.output;
    }
  }
  throw response.ok ? malformed(response) : errorFrom(response, body);
}

async function send(path: string, options: RequestOptions<unknown>): Promise<Response> {
  const headers = new Headers({ Accept: 'application/json' });
  if (options.token !== undefined) {
    headers.set('Authorization', `Bearer ${options.token}`);
  }
  const init: RequestInit = {
    method: options.method ?? 'GET',
    headers,
    cache: 'no-store',
    redirect: 'error',
  };
  if (options.keepalive === true) {
    init.keepalive = true;
  }
  if (options.body !== undefined) {
    headers.set('Content-Type', 'application/json');
    init.body = JSON.stringify(options.body);
  }
  const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  init.signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  try {
    return await fetch(path, init);
  } catch {
    throw unreachable(options.signal);
  }
}

/** The body as JSON, or `undefined` when it is none: an empty 204, or a proxy's HTML. */
async function readJson(response: Response, signal: AbortSignal | undefined): Promise<unknown> {
  let text: string;
  try {
    text = await response.text();
  } catch {
    throw unreachable(signal);
  }
  try {
    return text === '' ? undefined : (JSON.parse(text) as unknown);
  } catch {
    return undefined;
  }
}

/** The caller's own abort passes through as it is; every other failure to get an answer is `offline`. */
function unreachable(signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) {
    return signal.reason;
  }
  return new ApiError('offline', 'Crokodial cannot be reached. Check your connection and try again.');
}

function malformed(response: Response): ApiError {
  return new ApiError(
    'malformed',
    'Crokodial sent an answer this page cannot read. Load the page again; if it persists, tell your administrator.',
    { status: response.status, requestId: response.headers.get('x-request-id') ?? undefined },
  );
}

function errorFrom(response: Response, body: unknown): ApiError {
  const parsed = v.safeParse(errorSchema, body);
  const fields = parsed.success ? parsed.output : {};
  const retryAfterSeconds = parseRetryAfter(response.headers.get('retry-after'));
  const kind = kindOf(response.status, retryAfterSeconds);
  const message =
    sentence(fields.message) ??
    sentence(fields.error) ??
    defaultMessage(kind, response.status, retryAfterSeconds);
  return new ApiError(kind, message, {
    status: response.status,
    code: sentence(fields.code),
    requestId: sentence(fields.requestId) ?? response.headers.get('x-request-id') ?? undefined,
    retryAfterSeconds,
    fields: fieldErrors(fields.errors),
  });
}

function fieldErrors(errors: unknown): FieldError[] {
  const parsed = v.safeParse(fieldErrorsSchema, errors);
  return parsed.success ? parsed.output.filter(({ message }) => sentence(message) !== undefined) : [];
}

function kindOf(status: number, retryAfterSeconds: number | undefined): ApiErrorKind {
  if (status === 401) return 'unauthorized';
  if (status === 429 || (status === 503 && retryAfterSeconds !== undefined)) return 'throttled';
  return status >= 500 ? 'server' : 'refused';
}

/** Retry-After in whole seconds. The date form is not used by this server and is ignored. */
function parseRetryAfter(value: string | null): number | undefined {
  return value !== null && /^\d{1,6}$/.test(value.trim()) ? Number(value) : undefined;
}

function sentence(value: unknown): string | undefined {
  if (typeof value !== 'string') {
    return undefined;
  }
  const text = value.trim();
  return text.length > 0 && text.length <= LONGEST_MESSAGE ? text : undefined;
}

function defaultMessage(kind: ApiErrorKind, status: number, retryAfterSeconds: number | undefined): string {
  switch (kind) {
    case 'unauthorized':
      return 'You are not signed in.';
    case 'throttled':
      return `Too many requests just now. Try again in ${formatDuration(retryAfterSeconds ?? 60)}.`;
    case 'server':
      return 'Crokodial has a problem on its side. Try again in a moment.';
    default:
      return `Crokodial refused this request (HTTP ${status}).`;
  }
}
