import { request } from './client';
import { healthSchema, type HealthBody } from './schemas';

/** What the status panel shows. */
export interface Health {
  healthy: boolean;
  version: string | undefined;
  /** The server's own word for the database, for example `connected`. */
  database: string;
  databaseUp: boolean;
  uptimeSeconds: number | undefined;
  /** Why it is not healthy, in the server's words. */
  reason: string | undefined;
}

const UP = new Set(['ok', 'up', 'connected', 'healthy', 'ready', 'reachable']);

/** 503 is an answer here: its body says what is wrong. */
export async function fetchHealth(signal?: AbortSignal): Promise<Health> {
  return toHealth(await request('/api/health', { signal, schema: healthSchema, alsoAccept: [503] }));
}

export function toHealth(body: HealthBody): Health {
  const healthy = UP.has(body.status.toLowerCase());
  const named =
    typeof body.database === 'object' ? (body.database?.state ?? body.database?.status) : body.database;
  // A healthy answer means that the database answered: the server says 200 only then.
  const database = named ?? (healthy ? 'connected' : 'unavailable');
  return {
    healthy,
    version: body.version ?? undefined,
    database,
    databaseUp: UP.has(database.toLowerCase()),
    uptimeSeconds: body.uptime ?? undefined,
    reason: healthy ? undefined : (body.message ?? body.reason ?? undefined),
  };
}
