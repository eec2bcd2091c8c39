import { act, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import { TOKEN_KEY } from '../auth/session';
import { renderApp } from '../test/renderApp';
import { json, serve, tokenEndingAfter } from '../test/server';

const PROFILE = {
  _id: '64b000000000000000000001',
  name: 'Marla Reyes',
  email: 'marla@example.test',
  profilePicture: null,
  role: 'admin',
};
const HEALTHY = { status: 'ok', version: '1.2.3', uptime: 90_061, database: 'connected' };
const NOT_SIGNED_IN = {
  success: false,
  message: 'Sign in again.',
  error: 'Sign in again.',
  code: 'not_signed_in',
  requestId: 'r-1',
};

let routes: Parameters<typeof serve>[0];
let calls: ReturnType<typeof serve>;
let token: string;

beforeEach(() => {
  token = tokenEndingAfter(3600, Date.now());
  routes = {
    'GET /api/health': () => json(200, HEALTHY),
    'GET /api/auth/profile': () => json(200, PROFILE),
    'POST /api/auth/logout': () => json(200, { success: true }),
  };
  calls = serve(routes);
});

describe('the signed-in page', () => {
  it('shows the user and the health', async () => {
    renderApp({ token });
    expect(screen.getByText('Loading your account…')).toBeVisible();
    expect(await screen.findByTestId('user-name')).toHaveTextContent('Marla Reyes');
    expect(screen.getByText('Administrator')).toBeVisible();
    await waitFor(() => {
      expect(screen.getByTestId('health-verdict')).toHaveTextContent('Operational');
    });
    expect(screen.getByTestId('health-version')).toHaveTextContent('1.2.3');
    expect(screen.getByTestId('health-database')).toHaveTextContent('Connected');
    expect(screen.getByTestId('health-uptime')).toHaveTextContent('1 d 1 h');
  });

  it('falls back to the e-mail address of a user without a name', async () => {
    routes['GET /api/auth/profile'] = () => json(200, { ...PROFILE, name: null });
    renderApp({ token });
    expect(await screen.findByTestId('user-name')).toHaveTextContent('marla@example.test');
    expect(screen.getByRole('heading', { name: 'Welcome' })).toBeVisible();
  });

  it('shows why the service is degraded', async () => {
    routes['GET /api/health'] = () =>
      json(503, {
        ...HEALTHY,
        status: 'unavailable',
        database: 'unreachable',
        reason: 'DnsFailure',
        message: 'No such host.',
      });
    renderApp({ token });
    expect(await screen.findByText('No such host.')).toBeVisible();
    expect(screen.getByTestId('health-verdict')).toHaveTextContent('Degraded');
    expect(screen.getByTestId('health-database')).toHaveTextContent('Unreachable');
    expect(screen.getByTestId('health-version')).toHaveTextContent('1.2.3');
  });

  it('leaves with a message when the server refuses the token', async () => {
    routes['GET /api/auth/profile'] = () => json(401, NOT_SIGNED_IN);
    renderApp({ token });
    expect(await screen.findByRole('heading', { name: 'Sign in' })).toBeVisible();
    expect(screen.getByText(/session is no longer valid/)).toBeVisible();
    expect(window.localStorage.getItem(TOKEN_KEY)).toBeNull();
  });

  it('stays signed in when the profile fails for any other reason, and can try again', async () => {
    routes['GET /api/auth/profile'] = () => json(500, { message: 'Something went wrong.', requestId: 'r-7' });
    renderApp({ token });
    const alert = await screen.findByRole('alert');
    expect(alert).toHaveTextContent('Something went wrong.');
    expect(alert).toHaveTextContent('Reference: r-7');
    expect(window.localStorage.getItem(TOKEN_KEY)).toBe(token);
    routes['GET /api/auth/profile'] = () => json(200, PROFILE);
    await userEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByTestId('user-name')).toHaveTextContent('Marla Reyes');
  });

  it('signs out at once, tells the server, and forgets the user', async () => {
    routes['POST /api/auth/logout'] = () => new TypeError('Failed to fetch');
    const { queryClient } = renderApp({ token });
    await screen.findByTestId('user-name');
    await userEvent.click(screen.getByRole('button', { name: 'Sign out' }));
    expect(await screen.findByText('You have signed out.')).toBeVisible();
    expect(window.localStorage.getItem(TOKEN_KEY)).toBeNull();
    const call = calls.find(({ route }) => route === 'POST /api/auth/logout');
    expect(call?.headers.get('authorization')).toBe(`Bearer ${token}`);
    expect(queryClient.getQueriesData({ queryKey: ['private'] })).toEqual([]);
  });

  it('shows the other user when another tab signs in as one', async () => {
    const { session } = renderApp({ token });
    await screen.findByRole('heading', { name: 'Welcome, Marla' });
    routes['GET /api/auth/profile'] = () => json(200, { ...PROFILE, name: 'Otto Brandt' });
    act(() => {
      window.localStorage.setItem(TOKEN_KEY, tokenEndingAfter(3600, Date.now(), '02'));
      session.storageChanged({ key: TOKEN_KEY });
    });
    expect(screen.queryByText('Marla Reyes')).not.toBeInTheDocument();
    expect(await screen.findByRole('heading', { name: 'Welcome, Otto' })).toBeVisible();
  });

  it('says on the login page that the session has expired', () => {
    renderApp({ token: tokenEndingAfter(-1, Date.now()) });
    expect(screen.getByText(/session has expired/)).toBeVisible();
    expect(calls.filter(({ route }) => route.includes('/auth/'))).toHaveLength(0);
  });

  it('has a page for addresses that do not exist', () => {
    renderApp({ path: '/nowhere', token });
    expect(screen.getByRole('heading', { name: 'There is no such page' })).toBeVisible();
  });
});

describe('the status panel', () => {
  it('says that the server is unreachable and recovers on demand', async () => {
    routes['GET /api/health'] = () => new TypeError('Failed to fetch');
    renderApp({ token });
    await waitFor(
      () => {
        expect(screen.getByTestId('health-verdict')).toHaveTextContent('Unreachable');
      },
      { timeout: 5000 },
    );
    expect(screen.getByTestId('health-version')).toHaveTextContent('Unknown');
    routes['GET /api/health'] = () => json(200, HEALTHY);
    await userEvent.click(screen.getByRole('button', { name: 'Check again' }));
    await waitFor(() => {
      expect(screen.getByTestId('health-verdict')).toHaveTextContent('Operational');
    });
  });
});
