import * as v from 'valibot';
import { describe, expect, it, vi } from 'vitest';
import { json, serve } from '../test/server';
import { request, REQUEST_TIMEOUT_MS } from './client';
import { ApiError, describeError, fieldMessage, isRetryable } from './error';

const schema = v.object({ value: v.number() });

async function failureOf(answer: Response | Error): Promise<ApiError> {
  serve({ 'GET /api/thing': () => answer });
  const error: unknown = await request('/api/thing', { schema }).catch((reason: unknown) => reason);
  if (!(error instanceof ApiError)) {
    throw new Error(`expected an ApiError, got ${String(error)}`);
  }
  return error;
}

describe('request', () => {
  it('sends the token and the body, and returns what the schema describes', async () => {
    const calls = serve({ 'POST /api/thing': () => json(200, { value: 1, more: true }) });
    const result = await request('/api/thing', { schema, method: 'POST', body: { a: 1 }, token: 'secret' });
    expect(result).toEqual({ value: 1 });
    expect(calls).toHaveLength(1);
    expect(calls[0]?.body).toEqual({ a: 1 });
    expect(calls[0]?.headers.get('authorization')).toBe('Bearer secret');
    expect(calls[0]?.headers.get('content-type')).toBe('application/json');
  });

  it('sends no token and no content type without need', async () => {
    const calls = serve({ 'GET /api/thing': () => json(200, { value: 1 }) });
    await request('/api/thing', { schema });
    expect(calls[0]?.headers.has('authorization')).toBe(false);
    expect(calls[0]?.headers.has('content-type')).toBe(false);
  });

  it('reads the body of a status that the caller accepts', async () => {
    serve({ 'GET /api/thing': () => json(503, { value: 2 }, { 'Retry-After': '5' }) });
    expect(await request('/api/thing', { schema, alsoAccept: [503] })).toEqual({ value: 2 });
  });

  it("takes a proxy's page under an accepted status for a server error", async () => {
    serve({ 'GET /api/thing': () => new Response('<html>Bad gateway</html>', { status: 503 }) });
    await expect(request('/api/thing', { schema, alsoAccept: [503] })).rejects.toMatchObject({
      kind: 'server',
    });
  });

  it('gives up after the time-out, as if offline', async () => {
    const timeout = vi
      .spyOn(AbortSignal, 'timeout')
      .mockReturnValue(AbortSignal.abort(new DOMException('', 'TimeoutError')));
    const error = await failureOf(json(200, { value: 1 }));
    expect(error.kind).toBe('offline');
    expect(timeout).toHaveBeenCalledWith(REQUEST_TIMEOUT_MS);
  });

  it("passes the caller's own abort on as it is", async () => {
    serve({ 'GET /api/thing': () => json(200, { value: 1 }) });
    const reason = new Error('left the page');
    await expect(request('/api/thing', { schema, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });
});

describe('errors', () => {
  const body = { success: false, message: 'Wrong.', error: 'Wrong.', code: 'login_failed', requestId: 'r-1' };

  it.each([
    [400, 'refused'],
    [401, 'unauthorized'],
    [403, 'refused'],
    [404, 'refused'],
    [409, 'refused'],
    [429, 'throttled'],
    [500, 'server'],
    [503, 'server'],
  ])('maps %d to %s and keeps what the server says', async (status, kind) => {
    const error = await failureOf(json(status, body));
    expect(error).toMatchObject({ kind, status, message: 'Wrong.', code: 'login_failed', requestId: 'r-1' });
  });

  it('reads Retry-After in seconds and ignores its other forms', async () => {
    expect(await failureOf(json(503, body, { 'Retry-After': '7' }))).toMatchObject({
      kind: 'throttled',
      retryAfterSeconds: 7,
    });
    const dated = await failureOf(json(429, body, { 'Retry-After': 'Fri, 31 Dec 1999 23:59:59 GMT' }));
    expect(dated.retryAfterSeconds).toBeUndefined();
  });

  it.each([
    ['a body of the older server', json(400, { message: 'Old text' }), 'Old text'],
    ['only `error`', json(401, { error: 'No token' }), 'No token'],
    [
      'an error object',
      json(500, { success: false, error: { message: 'x', status: 500 } }),
      /problem on its side/,
    ],
    ['HTML', new Response('<html>', { status: 502 }), /problem on its side/],
    ['an empty body', new Response(null, { status: 401 }), 'You are not signed in.'],
    ['a trace instead of a sentence', json(500, { message: 'x'.repeat(5000) }), /problem on its side/],
    ['an array', json(404, ['x']), /HTTP 404/],
    ['a wait and no text', json(429, {}, { 'Retry-After': '90' }), /in 1 min 30 s/],
  ])('understands %s', async (_name, answer, text) => {
    expect((await failureOf(answer)).message).toMatch(text);
  });

  it('takes the request id from the header when the body has none', async () => {
    expect((await failureOf(json(500, {}, { 'X-Request-Id': 'r-2' }))).requestId).toBe('r-2');
  });

  it('tells what is wrong with a field, as a sentence', async () => {
    const errors = [
      { field: 'password', message: 'password is required' },
      { field: 'token', message: 'The link is not valid any more.' },
    ];
    const error = await failureOf(json(400, { ...body, errors }));
    expect(fieldMessage(error, 'password')).toBe('Password is required.');
    expect(fieldMessage(error, 'token')).toBe('The link is not valid any more.');
    expect(fieldMessage(error, 'email')).toBeUndefined();
    expect(fieldMessage(null, 'password')).toBeUndefined();
  });

  it.each([
    ['other errors', ['Wrong.']],
    ['an object', { password: 'Wrong.' }],
    ['a trace', [{ field: 'password', message: 'x'.repeat(5000) }]],
  ])('makes nothing of %s where those of fields belong', async (_name, errors) => {
    const error = await failureOf(json(400, { ...body, errors }));
    expect(error).toMatchObject({ message: 'Wrong.', fields: [] });
  });

  it('calls a failed connection offline', async () => {
    expect(await failureOf(new TypeError('Failed to fetch'))).toMatchObject({
      kind: 'offline',
      status: undefined,
    });
  });

  it.each([
    ['the wrong shape', json(200, { value: 'x' })],
    ['HTML', new Response('<html>', { status: 200 })],
    ['nothing', new Response(null, { status: 204 })],
  ])('calls a success with %s malformed', async (_name, answer) => {
    expect((await failureOf(answer)).kind).toBe('malformed');
  });

  it('retries only what may get better by itself', () => {
    const kinds = ['offline', 'server', 'unauthorized', 'refused', 'throttled', 'malformed'] as const;
    expect(kinds.filter((kind) => isRetryable(new ApiError(kind, '')))).toEqual(['offline', 'server']);
    expect(isRetryable(new Error('a fault of the page'))).toBe(false);
  });

  it('shows no text of an unknown error', () => {
    expect(describeError(new Error('token=abc'))).not.toContain('abc');
  });
});
