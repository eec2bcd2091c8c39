import { QueryClientProvider } from '@tanstack/react-query';
import { render } from '@testing-library/react';
import { MemoryRouter } from 'react-router';
import { AppRoutes } from '../App';
import { SessionContext } from '../auth/context';
import { SessionStore, TOKEN_KEY } from '../auth/session';
import { createQueryClient } from '../queryClient';

/** The application at `path`, signed in if a token is given, with the query client it has in the browser. */
export function renderApp({ path = '/', token }: { path?: string; token?: string } = {}) {
  if (token !== undefined) {
    window.localStorage.setItem(TOKEN_KEY, token);
  }
  const session = new SessionStore({ storage: window.localStorage, now: () => Date.now() });
  const queryClient = createQueryClient(session);
  // No waiting between attempts: the tests look at what follows.
  queryClient.setDefaultOptions({
    ...queryClient.getDefaultOptions(),
    queries: { ...queryClient.getDefaultOptions().queries, retryDelay: 0 },
  });
  render(
    <SessionContext value={session}>
      <QueryClientProvider client={queryClient}>
        <MemoryRouter initialEntries={[path]}>
          <AppRoutes />
        </MemoryRouter>
      </QueryClientProvider>
    </SessionContext>,
  );
  return { session, queryClient };
}
