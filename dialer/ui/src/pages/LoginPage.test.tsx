import { screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import { TOKEN_KEY } from '../auth/session';
import { renderApp } from '../test/renderApp';
import { json, serve, tokenEndingAfter } from '../test/server';

const USER = {
  _id: '64b000000000000000000001',
  id: '64b000000000000000000001',
  name: 'Marla Reyes',
  email: 'marla@example.test',
  role: 'user',
};
const HEALTHY = { status: 'ok', version: '1.2.3', uptime: 61, database: 'connected' };
const WRONG = {
  success: false,
  message: 'Wrong e-mail or password.',
  error: 'Wrong e-mail or password.',
  code: 'login_failed',
  requestId: 'r-1',
};

type Routes = Parameters<typeof serve>[0];
let routes: Routes;
let calls: ReturnType<typeof serve>;

beforeEach(() => {
  routes = {
    'GET /api/health': () => json(200, HEALTHY),
    'GET /api/auth/profile': () => json(200, { ...USER, profilePicture: null }),
  };
  calls = serve(routes);
});

const loginCalls = () => calls.filter((call) => call.route === 'POST /api/auth/login');
const submitButton = () => screen.getByRole('button', { name: /^sign/i });

async function fill(email: string, password: string) {
  await userEvent.clear(screen.getByLabelText('E-mail'));
  await userEvent.clear(screen.getByLabelText('Password'));
  if (email !== '') await userEvent.type(screen.getByLabelText('E-mail'), email);
  if (password !== '') await userEvent.type(screen.getByLabelText('Password'), password);
  await userEvent.click(submitButton());
}

describe('the login page', () => {
  it('is where a visitor without a session is sent, with the first field focused', () => {
    renderApp({ path: '/' });
    expect(screen.getByRole('heading', { name: 'Sign in' })).toBeVisible();
    expect(screen.getByLabelText('E-mail')).toHaveFocus();
    expect(screen.queryByRole('alert')).not.toBeInTheDocument();
  });

  it('signs in, stores the token and shows the user', async () => {
    const token = tokenEndingAfter(3600, Date.now());
    routes['POST /api/auth/login'] = () => json(200, { token, user: USER });
    const { session } = renderApp();
    await fill('  marla@example.test ', ' pass word ');
    expect(await screen.findByRole('heading', { name: 'Welcome, Marla' })).toBeVisible();
    expect(loginCalls()[0]?.body).toEqual({ email: 'marla@example.test', password: ' pass word ' });
    expect(window.localStorage.getItem(TOKEN_KEY)).toBe(token);
    expect(session.getSnapshot().status).toBe('signedIn');
    expect(calls.find((call) => call.route === 'GET /api/auth/profile')?.headers.get('authorization')).toBe(
      `Bearer ${token}`,
    );
  });

  it('asks for what is missing and sends nothing', async () => {
    renderApp();
    await fill('', '');
    expect(screen.getByLabelText('E-mail')).toHaveAccessibleDescription('Enter your e-mail address.');
    expect(screen.getByLabelText('E-mail')).toBeInvalid();
    expect(screen.getByLabelText('E-mail')).toHaveFocus();
    await fill('marla@example.test', '');
    expect(screen.getByLabelText('E-mail')).toBeValid();
    expect(screen.getByLabelText('Password')).toHaveAccessibleDescription('Enter your password.');
    expect(screen.getByLabelText('Password')).toHaveFocus();
    expect(loginCalls()).toHaveLength(0);
  });

  it("shows the server's refusal, stays, and lets the password be typed again", async () => {
    routes['POST /api/auth/login'] = () => json(401, WRONG);
    renderApp();
    await fill('marla@example.test', 'wrong');
    expect(await screen.findByRole('alert')).toHaveTextContent('Wrong e-mail or password.');
    expect(screen.getByRole('alert')).not.toHaveTextContent('session');
    expect(screen.getByLabelText('Password')).toHaveFocus();
    expect(screen.getByLabelText('E-mail')).toHaveValue('marla@example.test');
    routes['POST /api/auth/login'] = () => json(200, { token: tokenEndingAfter(60, Date.now()), user: USER });
    await fill('marla@example.test', 'right');
    expect(await screen.findByRole('heading', { name: 'Welcome, Marla' })).toBeVisible();
  });

  it.each([
    ['is unreachable', () => new TypeError('Failed to fetch'), /cannot be reached/],
    [
      'is busy',
      () => json(503, { message: 'Many people are signing in.' }, { 'Retry-After': '2' }),
      /Many people/,
    ],
    [
      'fails',
      () => json(500, { message: 'Something went wrong.', requestId: 'r-9' }),
      /went wrong\.Reference: r-9/,
    ],
    ['sends no token', () => json(200, { user: USER }), /cannot read/],
  ])('says so when the server %s, and does not try again by itself', async (_name, answer, text) => {
    routes['POST /api/auth/login'] = answer;
    renderApp();
    await fill('marla@example.test', 'password');
    expect(await screen.findByRole('alert')).toHaveTextContent(text);
    expect(loginCalls()).toHaveLength(1);
    expect(window.localStorage.getItem(TOKEN_KEY)).toBeNull();
  });

  it('explains a clock that is wrong instead of going round in circles', async () => {
    routes['POST /api/auth/login'] = () =>
      json(200, { token: tokenEndingAfter(-10, Date.now()), user: USER });
    renderApp();
    await fill('marla@example.test', 'password');
    expect(await screen.findByRole('alert')).toHaveTextContent(/date and time of the device/);
  });

  it('sends one request however often the button is pressed', async () => {
    let answer: (response: Response) => void = () => undefined;
    routes['POST /api/auth/login'] = () => new Promise((resolve) => (answer = resolve));
    renderApp();
    await fill('marla@example.test', 'password');
    const button = await screen.findByRole('button', { name: 'Signing in…' });
    expect(button).toHaveAttribute('aria-disabled', 'true');
    await userEvent.click(button);
    await userEvent.type(screen.getByLabelText('Password'), '{Enter}');
    answer(json(401, WRONG));
    await screen.findByRole('alert');
    expect(loginCalls()).toHaveLength(1);
  });

  it('can show the password', async () => {
    renderApp();
    expect(screen.getByLabelText('Password')).toHaveAttribute('type', 'password');
    await userEvent.click(screen.getByRole('button', { name: 'Show password' }));
    expect(screen.getByLabelText('Password')).toHaveAttribute('type', 'text');
    expect(screen.getByRole('button', { name: 'Show password' })).toHaveAttribute('aria-pressed', 'true');
  });

  it('says who helps with a forgotten password', () => {
    renderApp();
    expect(screen.getByText('Forgot your password?').closest('p')).toHaveTextContent(/Ask an administrator/);
  });

  it('says whether the service is up', async () => {
    renderApp();
    await waitFor(() => {
      expect(screen.getByTestId('service-line')).toHaveTextContent('All systems operationalVersion 1.2.3');
    });
  });

  it('says that signing in may fail while the database is down', async () => {
    routes['GET /api/health'] = () => json(503, { status: 'unavailable', reason: 'AuthFailed' });
    renderApp();
    await waitFor(() => {
      expect(screen.getByTestId('service-line')).toHaveTextContent('signing in may fail');
    });
  });

  it('is skipped by those who are signed in', async () => {
    renderApp({ path: '/login', token: tokenEndingAfter(60, Date.now()) });
    expect(await screen.findByRole('heading', { name: 'Welcome, Marla' })).toBeVisible();
  });
});
