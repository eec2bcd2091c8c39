import { describe, expect, it } from 'vitest';
import { json, serve } from '../test/server';
import { fetchHealth } from './health';

describe('fetchHealth', () => {
  it('reads a healthy answer', async () => {
    serve({
      'GET /api/health': () =>
        json(200, {
          status: 'ok',
          version: '1.2.3',
          uptime: 61.5,
          timestamp: '2026-01-05T09:00:00.000Z',
          database: 'connected',
        }),
    });
    expect(await fetchHealth()).toEqual({
      healthy: true,
      version: '1.2.3',
      database: 'connected',
      databaseUp: true,
      uptimeSeconds: 61.5,
      reason: undefined,
    });
  });

  it('reads why it is unhealthy from a 503', async () => {
    serve({
      'GET /api/health': () =>
        json(503, {
          status: 'unavailable',
          version: '1.2.3',
          uptime: 3,
          database: 'unreachable',
          reason: 'AuthFailed',
          message: 'The database refuses the credentials.',
        }),
    });
    expect(await fetchHealth()).toMatchObject({
      healthy: false,
      version: '1.2.3',
      databaseUp: false,
      reason: 'The database refuses the credentials.',
    });
  });

  it('lives with the little an older server says', async () => {
    serve({
      'GET /api/health': () => json(200, { status: 'ok', server: 'Production Server', port: '3005' }),
    });
    expect(await fetchHealth()).toMatchObject({
      healthy: true,
      version: undefined,
      uptimeSeconds: undefined,
    });
  });

  it('does not take a page of a proxy for health', async () => {
    serve({ 'GET /api/health': () => new Response('<html>', { status: 503 }) });
    await expect(fetchHealth()).rejects.toMatchObject({ kind: 'server' });
  });
});
