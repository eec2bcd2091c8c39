import { act, render, screen, waitFor } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { beforeEach, describe, expect, it } from 'vitest';
import { App } from '../App';
import { SessionStore, TOKEN_KEY } from '../auth/session';
import { renderApp } from '../test/renderApp';
import { json, serve, tokenEndingAfter } from '../test/server';

const LINK = '0123456789abcdef'.repeat(4);
const OTHER_LINK = 'fedcba9876543210'.repeat(4);
const PATH = `/reset-password#token=${LINK}`;
const PASSWORD = 'battery staple 2';
const CHANGED = { success: true, message: 'Your password is changed. Sign in with it.' };

/** An error body as the dialer writes it. */
function failure(code: string, message: string, field?: string) {
  const body = { success: false, message, error: message, code, requestId: 'r-5' };
  return field === undefined ? body : { ...body, errors: [{ field, message }] };
}
const REFUSED = failure(
  'RESET_REFUSED',
  'The link is not valid any more: ask an administrator for a new one.',
  'token',
);
const COMMON = failure(
  'INVALID_FIELD',
  'password is one of the most common passwords: choose another',
  'password',
);

let routes: Parameters<typeof serve>[0];
let calls: ReturnType<typeof serve>;

beforeEach(() => {
  routes = {
    'GET /api/health': () => json(200, { status: 'ok', version: '1.2.3', uptime: 61, database: 'connected' }),
    'POST /api/auth/reset': () => json(200, CHANGED),
    'POST /api/auth/logout': () => json(401, failure('NOT_SIGNED_IN', 'Sign in again.')),
  };
  calls = serve(routes);
});

const callsOf = (route: string) => calls.filter((call) => call.route === route);
const resetCalls = () => callsOf('POST /api/auth/reset');
const first = () => screen.getByLabelText('New password');
const second = () => screen.getByLabelText('New password, again');

async function put(field: HTMLElement, text: string) {
  await userEvent.clear(field);
  await userEvent.click(field);
  if (text !== '') await userEvent.paste(text);
}

async function fill(password: string, again = password) {
  await put(first(), password);
  await put(second(), again);
  await userEvent.click(screen.getByRole('button', { name: /^chang/i }));
}

/** With the router that the browser has, and so a real address. */
function openInBrowser(path: string) {
  window.history.replaceState(null, '', path);
  render(<App session={new SessionStore({ storage: window.localStorage, now: () => Date.now() })} />);
}

describe('the address of a reset link', () => {
  it('loses the token, which is then in no history and no storage', async () => {
    const entries = window.history.length;
    openInBrowser(PATH);
    expect(first()).toHaveFocus();
    await waitFor(() => {
      expect(window.location.hash).toBe('');
    });
    expect(window.location.pathname).toBe('/reset-password');
    expect(window.history.length).toBe(entries);
    expect(JSON.stringify(window.history.state)).not.toContain(LINK);
    expect(window.localStorage).toHaveLength(0);
    expect(window.sessionStorage).toHaveLength(0);
    await fill(PASSWORD);
    expect(await screen.findByRole('heading', { name: 'Sign in' })).toBeVisible();
    expect(window.location.pathname).toBe('/login');
    expect(window.history.length).toBe(entries);
    expect(resetCalls()[0]?.body).toEqual({ token: LINK, password: PASSWORD });
  });

  it('may become that of a second link in the same tab', async () => {
    routes['POST /api/auth/reset'] = () => json(400, REFUSED);
    openInBrowser(PATH);
    await fill(PASSWORD);
    await screen.findByRole('heading', { name: 'This link does not work' });
    routes['POST /api/auth/reset'] = () => json(200, CHANGED);
    act(() => {
      window.location.hash = `#token=${OTHER_LINK}`;
    });
    expect(await screen.findByRole('heading', { name: 'Choose a new password' })).toBeVisible();
    await waitFor(() => {
      expect(window.location.hash).toBe('');
    });
    await fill(PASSWORD);
    await screen.findByRole('heading', { name: 'Sign in' });
    expect(resetCalls().map((call) => call.body)).toEqual([
      { token: LINK, password: PASSWORD },
      { token: OTHER_LINK, password: PASSWORD },
    ]);
  });

  it.each(['', '#', `#token=${LINK.slice(1)}`, `#token=${LINK.toUpperCase()}`, `?token=${LINK}`])(
    'without a whole token (%j) says what to do and has no form',
    (rest) => {
      renderApp({ path: `/reset-password${rest}` });
      expect(screen.getByRole('heading', { name: 'This link does not work' })).toHaveFocus();
      expect(screen.getByText(/ask an administrator for a new link/)).toBeVisible();
      expect(screen.getByRole('link', { name: 'Go to the sign-in page' })).toBeVisible();
      expect(screen.queryByRole('textbox')).not.toBeInTheDocument();
      expect(screen.queryByLabelText('New password')).not.toBeInTheDocument();
      expect(screen.queryByRole('button')).not.toBeInTheDocument();
    },
  );
});

describe('the form for a new password', () => {
  it('is for password managers to fill, and shows each password on demand', async () => {
    renderApp({ path: PATH });
    for (const [field, name] of [
      [first(), 'Show new password'],
      [second(), 'Show new password, again'],
    ] as const) {
      expect(field).toHaveAttribute('autocomplete', 'new-password');
      expect(field).toHaveAttribute('type', 'password');
      await userEvent.click(screen.getByRole('button', { name }));
      expect(field).toHaveAttribute('type', 'text');
    }
  });

  it.each([
    ['', '', 'Enter a new password.'],
    ['1234567', '1234567', 'Password must have at least 8 characters.'],
    ['x'.repeat(129), 'x'.repeat(129), 'Password must have at most 128 characters.'],
  ])('refuses %j and sends nothing', async (password, again, problem) => {
    renderApp({ path: PATH });
    await fill(password, again);
    expect(first()).toHaveAccessibleDescription(problem);
    expect(first()).toBeInvalid();
    expect(first()).toHaveFocus();
    expect(second()).not.toHaveAccessibleDescription();
    expect(resetCalls()).toHaveLength(0);
  });

  it.each([
    ['', 'Enter the new password once more.'],
    [`${PASSWORD} `, 'The two passwords are not the same.'],
  ])('refuses the repetition %j and sends nothing', async (again, problem) => {
    renderApp({ path: PATH });
    await fill(PASSWORD, again);
    expect(second()).toHaveAccessibleDescription(problem);
    expect(second()).toHaveFocus();
    expect(first()).toBeValid();
    expect(resetCalls()).toHaveLength(0);
    await put(second(), PASSWORD);
    expect(second()).toBeValid();
  });

  it('sends one request however often the button is pressed', async () => {
    let answer: (response: Response) => void = () => undefined;
    routes['POST /api/auth/reset'] = () => new Promise((resolve) => (answer = resolve));
    renderApp({ path: PATH });
    await fill(PASSWORD);
    const button = await screen.findByRole('button', { name: 'Changing the password…' });
    expect(button).toHaveAttribute('aria-disabled', 'true');
    await userEvent.click(button);
    await userEvent.type(second(), '{Enter}');
    // As a password manager does, which presses no button.
    act(() => {
      second().closest('form')?.requestSubmit();
    });
    answer(json(200, CHANGED));
    await screen.findByRole('heading', { name: 'Sign in' });
    expect(resetCalls()).toHaveLength(1);
  });

  it('shows what the server has against the password beside it, until another is typed', async () => {
    routes['POST /api/auth/reset'] = () => json(400, COMMON);
    renderApp({ path: PATH });
    await fill('password123');
    await waitFor(() => {
      expect(first()).toHaveAccessibleDescription(
        'Password is one of the most common passwords: choose another.',
      );
    });
    expect(first()).toBeInvalid();
    expect(first()).toHaveFocus();
    expect(screen.queryByRole('alert')).not.toBeInTheDocument();
    await put(first(), PASSWORD);
    expect(first()).toBeValid();
    routes['POST /api/auth/reset'] = () => json(200, CHANGED);
    await fill(PASSWORD);
    expect(await screen.findByRole('heading', { name: 'Sign in' })).toBeVisible();
  });

  it.each([
    [
      'holds guesses up',
      () =>
        json(429, failure('TOO_MANY_ATTEMPTS', 'Too many attempts. Try again in 15 minutes.'), {
          'Retry-After': '872',
        }),
      /^Too many attempts\. Try again in 15 minutes\.$/,
    ],
    [
      'is busy',
      () => json(503, failure('BUSY', 'Try again in a moment.'), { 'Retry-After': '2' }),
      /^Try again in a moment\.Wait 2 s before you try again\.$/,
    ],
    [
      'fails',
      () => json(500, failure('INTERNAL', 'Something went wrong on the server.')),
      /^Something went wrong on the server\.Reference: r-5$/,
    ],
    ['is unreachable', () => new TypeError('Failed to fetch'), /cannot be reached/],
    ['answers with a page', () => new Response('<html>', { status: 200 }), /cannot read/],
  ])('says so when the server %s, and can be sent again', async (_name, answer, text) => {
    routes['POST /api/auth/reset'] = answer;
    renderApp({ path: PATH });
    await fill(PASSWORD);
    expect(await screen.findByRole('alert')).toHaveTextContent(text);
    expect(resetCalls()).toHaveLength(1);
    expect(first()).toHaveValue(PASSWORD);
    routes['POST /api/auth/reset'] = () => json(200, CHANGED);
    await userEvent.click(screen.getByRole('button', { name: 'Change the password' }));
    expect(await screen.findByRole('heading', { name: 'Sign in' })).toBeVisible();
  });

  it('gives way to what to do next when the link serves no more', async () => {
    routes['POST /api/auth/reset'] = () => json(400, REFUSED);
    renderApp({ path: PATH });
    await fill(PASSWORD);
    expect(await screen.findByRole('alert')).toHaveTextContent(/ask an administrator for a new one/);
    expect(screen.getByText(/have chosen a password with it already, sign in/)).toBeVisible();
    expect(screen.getByRole('heading', { name: 'This link does not work' })).toHaveFocus();
    expect(screen.queryByLabelText('New password')).not.toBeInTheDocument();
    await userEvent.click(screen.getByRole('link', { name: 'Go to the sign-in page' }));
    expect(screen.getByRole('heading', { name: 'Sign in' })).toBeVisible();
    expect(screen.queryByText(/password is changed/)).not.toBeInTheDocument();
  });
});

describe('a changed password', () => {
  const NOTICE = 'Your password is changed. Sign in with it.';

  it('leads who is signed out to the login page, with a notice', async () => {
    renderApp({ path: PATH });
    await fill(PASSWORD);
    const notice = await screen.findByText(NOTICE);
    expect(notice.closest('[role=status]')).toBeVisible();
    expect(screen.getByLabelText('E-mail')).toHaveFocus();
    expect(callsOf('POST /api/auth/logout')).toHaveLength(0);
  });

  it('ends the session of this browser, whosever it was', async () => {
    const token = tokenEndingAfter(3600, Date.now());
    const { session } = renderApp({ path: PATH, token });
    await fill(PASSWORD);
    expect(await screen.findByText(NOTICE)).toBeVisible();
    expect(screen.getByLabelText('E-mail')).toHaveFocus();
    expect(session.getSnapshot()).toEqual({ status: 'signedOut', reason: 'passwordChanged' });
    expect(window.localStorage.getItem(TOKEN_KEY)).toBeNull();
    expect(callsOf('POST /api/auth/logout')[0]?.headers.get('authorization')).toBe(`Bearer ${token}`);
    expect(resetCalls()[0]?.headers.has('authorization')).toBe(false);
  });

  it('is what ends the session: a refused one leaves it', async () => {
    routes['POST /api/auth/reset'] = () => json(400, COMMON);
    const token = tokenEndingAfter(3600, Date.now());
    renderApp({ path: PATH, token });
    await fill('password123');
    await waitFor(() => {
      expect(first()).toBeInvalid();
    });
    expect(window.localStorage.getItem(TOKEN_KEY)).toBe(token);
  });
});

it('leads who is signed in from a dead link to the start', async () => {
  routes['GET /api/auth/profile'] = () =>
    json(200, { _id: '64b000000000000000000001', name: 'Marla Reyes', email: 'marla@example.test' });
  renderApp({ path: '/reset-password', token: tokenEndingAfter(3600, Date.now()) });
  await userEvent.click(screen.getByRole('link', { name: 'Go to the start' }));
  expect(await screen.findByRole('heading', { name: 'Welcome, Marla' })).toBeVisible();
});
