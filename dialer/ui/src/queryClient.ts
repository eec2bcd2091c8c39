import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';
import { ApiError, isRetryable } from './api/error';
import type { SessionStore } from './auth/session';

/**
 * Queries that carry a token have it as `meta.token`. A 401 to one of them ends that session; a 401 to the
 * login form itself carries none and stays the form's matter.
 */
export function createQueryClient(session: SessionStore): QueryClient {
  const onError = (error: unknown, meta: Record<string, unknown> | undefined) => {
    const token = meta?.token;
    if (error instanceof ApiError && error.kind === 'unauthorized' && typeof token === 'string') {
      session.end('rejected', token);
    }
  };
  const client = new QueryClient({
    queryCache: new QueryCache({
      onError: (error, query) => {
        onError(error, query.meta);
      },
    }),
    mutationCache: new MutationCache({
      onError: (error, _variables, _result, mutation) => {
        onError(error, mutation.meta);
      },
    }),
    defaultOptions: {
      queries: {
        retry: (failures, error) => failures < 2 && isRetryable(error),
        // The browser's idea of being online is often wrong (VPN, captive portal): ask and see.
        networkMode: 'always',
      },
      mutations: { networkMode: 'always' },
    },
  });
  // What one user saw is not kept for the next one on the same machine.
  let token = currentToken(session);
  session.subscribe(() => {
    if (currentToken(session) !== token) {
      token = currentToken(session);
      client.removeQueries({ queryKey: ['private'] });
    }
  });
  return client;
}

function currentToken(session: SessionStore): string | null {
  const snapshot = session.getSnapshot();
  return snapshot.status === 'signedIn' ? snapshot.token : null;
}
