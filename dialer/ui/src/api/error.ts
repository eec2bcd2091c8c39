/**
 * What went wrong with a call, as the pages need to tell it apart:
 * - `offline`: no answer at all (no network, server unreachable, or the call took too long)
 * - `unauthorized`: 401
 * - `refused`: any other 4xx; the server's text says why
 * - `throttled`: 429, or a 503 that says when to come back
 * - `server`: 5xx
 * - `malformed`: an answer this page cannot read, for example a proxy's HTML page
 */
export type ApiErrorKind = 'offline' | 'unauthorized' | 'refused' | 'throttled' | 'server' | 'malformed';

/** What the server found wrong with one field of the request; `message` begins with the field's name. */
export interface FieldError {
  field: string;
  message: string;
}

interface ApiErrorDetails {
  status?: number | undefined;
  code?: string | undefined;
  requestId?: string | undefined;
  retryAfterSeconds?: number | undefined;
  fields?: readonly FieldError[] | undefined;
}

/** The only error the API client throws, apart from an abort that the caller itself asked for. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly kind: ApiErrorKind;
  readonly status: number | undefined;
  readonly code: string | undefined;
  readonly requestId: string | undefined;
  readonly retryAfterSeconds: number | undefined;
  readonly fields: readonly FieldError[];

  constructor(kind: ApiErrorKind, message: string, details: ApiErrorDetails = {}) {
    super(message);
    this.kind = kind;
    this.status = details.status;
    this.code = details.code;
    this.requestId = details.requestId;
    this.retryAfterSeconds = details.retryAfterSeconds;
    this.fields = details.fields ?? [];
  }
}

/** Whether asking again, unchanged, may help. */
export function isRetryable(error: unknown): boolean {
  return error instanceof ApiError && (error.kind === 'offline' || error.kind === 'server');
}

/** A sentence for the user, from any thrown value. */
export function describeError(error: unknown): string {
  return error instanceof ApiError ? error.message : 'Something unexpected went wrong on this page.';
}

/** What is wrong with this field, as a sentence, if the server found something wrong with it. */
export function fieldMessage(error: unknown, field: string): string | undefined {
  const found = error instanceof ApiError ? error.fields.find((one) => one.field === field) : undefined;
  return found && asSentence(found.message);
}

/** First letter large, full stop at the end. */
function asSentence(text: string): string {
  const ended = /[.!?]$/.test(text) ? text : `${text}.`;
  return ended.charAt(0).toUpperCase() + ended.slice(1);
}
