// Signs in to a running dialer through a real browser and checks what a person would: the redirect to the login
// page, every asset, the refusal of a wrong password, the user's name, the health, signing out, the session's end.
//
// Usage: node e2e/login.mjs <base URL> <email> <screenshot.png>
//   E2E_PASSWORD     the password (required; in the environment so that no process list shows it)
//   E2E_RESET_LINK   a reset link's path with its token: opened first, and E2E_PASSWORD chosen there (default: none)
//   E2E_NAME         the name that must be shown (default: any)
//   E2E_VERSION      the version that /api/health must show (default: any)
//   CHROMIUM         the browser (default /usr/bin/chromium)
//   CHROMIUM_ARGS    further flags, separated by spaces; a space inside a flag is written %20:
//                    --ignore-certificate-errors --host-resolver-rules=MAP%20*%20127.0.0.1
//   E2E_TIMEOUT_MS   for each step (default 15000)
// Writes <screenshot>.png (signed in) and beside it -login, -refused, -narrow and -login-narrow; with a link -reset,
// -reset-narrow and -reset-done.
// Exit status: 0 all well, 1 a check failed (said on stderr), 2 wrong usage.
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';

const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

class CheckFailed extends Error {}

function check(condition, message) {
  if (!condition) throw new CheckFailed(message);
}

function readSettings() {
  const [baseUrl, email, screenshot] = process.argv.slice(2);
  const password = process.env.E2E_PASSWORD;
  if (!baseUrl || !email || !screenshot || !password) {
    console.error('usage: E2E_PASSWORD=… node e2e/login.mjs <base URL> <email> <screenshot.png>');
    process.exit(2);
  }
  return {
    origin: new URL(baseUrl).origin,
    email,
    password,
    shot: (suffix) => screenshot.replace(/(\.png)?$/, `${suffix}.png`),
    resetLink: process.env.E2E_RESET_LINK,
    name: process.env.E2E_NAME,
    version: process.env.E2E_VERSION,
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      ...FLAGS,
      ...(process.env.CHROMIUM_ARGS ?? '')
        .split(' ')
        .filter(Boolean)
        .map((a) => a.replaceAll('%20', ' ')),
    ],
    timeout: Number(process.env.E2E_TIMEOUT_MS ?? 15_000),
  };
}

/** Everything the browser complains about, kept until the end. Expected refusals are named by the steps. */
function watch(page, origin) {
  const problems = [];
  const expected = [];
  const answers = new Map();
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    const url = message.location().url;
    // Chromium itself reports each answer of 400 and above as a console error.
    if (/status of \d+/.test(message.text()) && expected.some((path) => url === origin + path)) return;
    problems.push(`console ${message.type()}: ${message.text()} (${url})`);
  });
  page.on('pageerror', (error) => problems.push(`uncaught: ${error.message}`));
  page.on('requestfailed', (request) => {
    const reason = request.failure()?.errorText ?? 'unknown reason';
    if (reason !== 'net::ERR_ABORTED') problems.push(`request failed: ${request.url()}: ${reason}`);
  });
  page.on('response', (response) => {
    const url = new URL(response.url());
    if (url.origin !== origin) problems.push(`a request left the site: ${url.origin}${url.pathname}`);
    if (!url.pathname.startsWith('/api/')) answers.set(url.pathname, response.status());
  });
  return { problems, expected, answers };
}

/** Scripts and styles only from the site itself, neither inline nor evaluated. */
function checkPolicy(csp) {
  const directives = new Map(
    csp.split(';').map((directive) => {
      const [name = '', ...sources] = directive.trim().split(/\s+/);
      return [name, sources.join(' ')];
    }),
  );
  for (const name of ['script-src', 'style-src']) {
    const sources = directives.get(name) ?? directives.get('default-src');
    check(sources === "'self'", `the Content-Security-Policy of / is not strict for ${name}: "${csp}"`);
  }
}

/**
 * A request of the page itself: the browser's flags (certificates, names) hold for it, which they would not for
 * one of this script's own.
 */
function fetchInPage(page, url, headers = {}) {
  return page.evaluate(
    async ([target, fields]) => {
      const answer = await fetch(target, { headers: fields, cache: 'no-store' });
      return {
        status: answer.status,
        headers: Object.fromEntries(answer.headers),
        text: await answer.text(),
      };
    },
    [url, headers],
  );
}

/** Asks for `/` and for everything it names, as a monitor would. */
async function checkAssets(page, origin) {
  const answer = await fetchInPage(page, `${origin}/`);
  check(answer.status === 200, `/ answered ${answer.status}, expected 200`);
  checkPolicy(answer.headers['content-security-policy'] ?? '');
  const named = [...answer.text.matchAll(/(?:src|href)="([^"]+)"/g)].map(
    (match) => new URL(match[1], `${origin}/`),
  );
  check(
    named.some((url) => url.pathname.endsWith('.js')),
    '/ names no script',
  );
  check(
    named.some((url) => url.pathname.endsWith('.css')),
    '/ names no style sheet',
  );
  for (const url of named) {
    const asset = await fetchInPage(page, url.href);
    check(asset.status === 200, `${url.pathname} answered ${asset.status}, expected 200`);
    check(asset.text.length > 0, `${url.pathname} is empty`);
    const type = asset.headers['content-type'] ?? '';
    check(
      !type.includes('text/html'),
      `${url.pathname} is an HTML page: it does not exist and fell back to index.html`,
    );
  }
  return named.length;
}

async function checkAccessibility(page, where, axe) {
  // Evaluated by the debugger and not as a script element: the page's policy stays as it is.
  const violations = await page.evaluate(
    `${axe}; axe.run(document, { resultTypes: ['violations'] }).then((r) => r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.html).join(' | ')))`,
  );
  check(violations.length === 0, `accessibility of ${where}:\n  ${violations.join('\n  ')}`);
}

async function checkNarrow(page, where, screenshot) {
  await page.setViewportSize({ width: 360, height: 740 });
  await page.screenshot({ path: screenshot });
  const overflow = await page.evaluate(
    'document.documentElement.scrollWidth - document.documentElement.clientWidth',
  );
  check(overflow <= 0, `on a narrow screen ${where} is ${overflow} px too wide`);
}

async function fillAndSubmit(page, email, password) {
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

async function run(settings) {
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  const browser = await chromium.launch({
    executablePath: settings.executablePath,
    args: settings.args,
    headless: true,
  });
  try {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    context.setDefaultTimeout(settings.timeout);
    const page = await context.newPage();
    const seen = watch(page, settings.origin);
    try {
      await steps(page, settings, seen, axe);
    } catch (error) {
      // What the browser complained about is mostly the cause.
      const causes = seen.problems.map((problem) => `\n  ${problem}`).join('');
      throw new CheckFailed(`${error.message}${causes && `\nthe browser complained:${causes}`}`, {
        cause: error,
      });
    }
    check(seen.problems.length === 0, `the browser complained:\n  ${seen.problems.join('\n  ')}`);
    for (const [path, status] of seen.answers) {
      check(status === 200 || status === 304, `${path} answered ${status} to the browser`);
    }
  } finally {
    await browser.close();
  }
}

function step(text) {
  console.log(`ok: ${text}`);
}

/** Chooses the password with which the steps after this one sign in. */
async function resetSteps(page, { origin, password, resetLink, shot }, seen, axe) {
  const first = page.getByLabel('New password', { exact: true });
  const second = page.getByLabel('New password, again', { exact: true });
  const button = page.getByRole('button', { name: 'Change the password' });
  await page.goto(origin + resetLink);
  await page.getByRole('heading', { name: 'Choose a new password' }).waitFor();
  await page.waitForURL(`${origin}/reset-password`);
  step('a reset link shows its form, and the address bar no token');

  await first.fill(password);
  await second.fill(`${password}-wrong`);
  await button.click();
  await page.getByText('The two passwords are not the same.').waitFor();
  await page.screenshot({ path: shot('-reset') });
  await checkAccessibility(page, 'the form for a new password', axe);
  const size = page.viewportSize();
  await checkNarrow(page, 'the form for a new password', shot('-reset-narrow'));
  await page.setViewportSize(size);
  step('two passwords that differ are not sent; the form is accessible and fits a narrow screen');

  await second.fill(password);
  await button.click();
  await page.waitForURL(`${origin}/login`);
  await page.getByText('Your password is changed. Sign in with it.').waitFor();
  await page.screenshot({ path: shot('-reset-done') });
  step('the new password is taken and leads to the login page');

  seen.expected.push('/api/auth/reset');
  await page.goto(origin + resetLink);
  await first.fill(password);
  await second.fill(password);
  await button.click();
  await page.getByRole('heading', { name: 'This link does not work' }).waitFor();
  await checkAccessibility(page, 'the page of a used link', axe);
  seen.expected.pop();
  step('the link serves once');
}

async function steps(page, settings, seen, axe) {
  const { origin, email, password, shot } = settings;
  if (settings.resetLink !== undefined) {
    await resetSteps(page, settings, seen, axe);
  }

  await page.goto(`${origin}/`);
  await page.waitForURL(`${origin}/login`);
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  step('/ leads to the login page');

  await page.locator('[data-testid=service-line][data-state=up]').waitFor();
  await page.screenshot({ path: shot('-login') });
  await checkAccessibility(page, 'the login page', axe);
  step('the login page says that the service is up, and is accessible');

  seen.expected.push('/api/auth/login');
  await fillAndSubmit(page, email, `${password}-wrong`);
  await page.getByRole('alert').waitFor();
  check(new URL(page.url()).pathname === '/login', 'a wrong password left the login page');
  const refusal = (await page.getByRole('alert').innerText()).trim();
  check(refusal.length > 10, 'a wrong password shows no explanation');
  await page.screenshot({ path: shot('-refused') });
  await checkAccessibility(page, 'the refused login', axe);
  seen.expected.pop();
  step(`a wrong password is refused: "${refusal}"`);

  await fillAndSubmit(page, email, password);
  await page.waitForURL(`${origin}/`);
  const name = (await page.getByTestId('user-name').innerText()).trim();
  check(name.length > 0, 'the signed-in page shows no name');
  check(
    settings.name === undefined || name === settings.name,
    `the page shows the name "${name}", expected "${settings.name}"`,
  );
  step(`signed in as ${name}`);

  await page.locator('[data-testid=health-verdict][data-state=up]').waitFor();
  const version = (await page.getByTestId('health-version').innerText()).trim();
  check(
    settings.version === undefined || version === settings.version,
    `the page shows version "${version}", expected "${settings.version}"`,
  );
  for (const fact of ['version', 'database', 'uptime']) {
    const text = (await page.getByTestId(`health-${fact}`).innerText()).trim();
    check(text !== '' && text !== 'Unknown', `the health panel does not know the ${fact}`);
    step(`health: ${fact} is ${text}`);
  }
  await page.screenshot({ path: shot('') });
  await checkAccessibility(page, 'the signed-in page', axe);
  step(`every one of ${await checkAssets(page, origin)} assets named by / answers 200 under a strict policy`);

  await checkNarrow(page, 'the signed-in page', shot('-narrow'));
  step('fits a narrow screen');

  await page.reload();
  await page.getByTestId('user-name').waitFor();
  step('a reload keeps the session');

  const token = await page.evaluate("localStorage.getItem('token')");
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(`${origin}/login`);
  check(
    (await page.evaluate("localStorage.getItem('token')")) === null,
    'signing out left the token in the browser',
  );
  await checkNarrow(page, 'the login page', shot('-login-narrow'));
  step('signed out');

  seen.expected.push('/api/auth/profile');
  await checkSessionEnded(page, settings, token);
  step('the server forgot the session');

  await page.evaluate((old) => localStorage.setItem('token', old), token);
  await page.goto(`${origin}/`);
  await page.waitForURL(`${origin}/login`);
  await page.getByText('Your session is no longer valid').waitFor();
  step('a refused session leads to the login page with a message');
}

/** The page tells the server in the background, so the refusal may come a moment later. */
async function checkSessionEnded(page, { origin, timeout }, token) {
  const deadline = Date.now() + timeout;
  for (;;) {
    const answer = await fetchInPage(page, `${origin}/api/auth/profile`, {
      Authorization: `Bearer ${token}`,
    });
    if (answer.status === 401) return;
    check(Date.now() < deadline, `after signing out the token still gets ${answer.status}, expected 401`);
    await page.evaluate('new Promise((done) => requestAnimationFrame(done))');
  }
}

const settings = readSettings();
try {
  await run(settings);
} catch (error) {
  console.error(`FAILED: ${error instanceof Error ? error.message : error}`);
  process.exit(1);
}
