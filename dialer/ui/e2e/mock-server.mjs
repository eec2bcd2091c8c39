// A stand-in for the dialer, for working on the pages without a database. It keeps nothing, knows one user and
// signs nothing. Used by `npm run mock` only; no test of the product runs against it, and no build contains it.
//
//   PORT=3005 npm run mock           then `npm run dev`, or open the port itself: it serves dist/ with the CSP
//   MOCK_HEALTH=down                 /api/health answers 503
import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';

const port = Number(process.env.PORT ?? 3005);
const dist = join(import.meta.dirname, '..', 'dist');
const user = {
  _id: '64b000000000000000000001',
  id: '64b000000000000000000001',
  name: 'Marla Reyes',
  email: 'marla@example.test',
  role: 'user',
};
let password = 'mock-password-1';
// The dialer's are random, and serve for an hour only.
const resetLinks = new Set(['0', '1', '2'].map((digit) => digit.repeat(64)));
// As strict as the dialer's own.
const csp =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'self'";
const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};
const started = Date.now();
const tokens = new Set();

const b64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
function issueToken() {
  const iat = Math.floor(Date.now() / 1000);
  const token = `${b64({ alg: 'none' })}.${b64({ _id: user._id, sid: String(tokens.size), iat, exp: iat + 43_200 })}.x`;
  tokens.add(token);
  return token;
}
const failure = (message, code, field) => ({
  success: false,
  message,
  error: message,
  code,
  requestId: 'mock-request',
  ...(field && { errors: [{ field, message }] }),
});

function reset({ token, password: chosen }) {
  if (chosen.toLowerCase() === 'password1')
    return [
      400,
      failure('password is one of the most common passwords: choose another', 'INVALID_FIELD', 'password'),
    ];
  if (!resetLinks.delete(token))
    return [
      400,
      failure(
        'The link is not valid any more: ask an administrator for a new one.',
        'RESET_REFUSED',
        'token',
      ),
    ];
  password = chosen;
  tokens.clear();
  return [200, { success: true, message: 'Your password is changed. Sign in with it.' }];
}

async function api(request, path) {
  let text = '';
  for await (const chunk of request) text += chunk;
  const token = request.headers.authorization?.replace(/^Bearer /, '');
  switch (`${request.method} ${path}`) {
    case 'GET /api/health': {
      const common = {
        version: '0.1.0-mock',
        uptime: (Date.now() - started) / 1000,
        timestamp: new Date().toISOString(),
      };
      return process.env.MOCK_HEALTH === 'down'
        ? [
            503,
            {
              status: 'unavailable',
              ...common,
              database: 'unreachable',
              reason: 'MongoDB did not answer within 2 s',
            },
          ]
        : [200, { status: 'ok', ...common, database: 'connected' }];
    }
    case 'POST /api/auth/login': {
      const body = JSON.parse(text);
      if (body.email === user.email && body.password === password)
        return [200, { token: issueToken(), user }];
      return [
        401,
        failure(
          'E-mail or password is wrong. If you are sure, ask an administrator for a reset link.',
          'invalid_credentials',
        ),
      ];
    }
    case 'POST /api/auth/reset':
      return reset(JSON.parse(text));
    case 'GET /api/auth/profile':
      return tokens.has(token)
        ? [200, { ...user, profilePicture: null }]
        : [401, failure('Not signed in.', 'unauthorized')];
    case 'POST /api/auth/logout':
      return tokens.delete(token)
        ? [200, { success: true }]
        : [401, failure('Not signed in.', 'unauthorized')];
    default:
      return [404, failure(`There is no ${path}.`, 'not_found')];
  }
}

createServer(async (request, response) => {
  const path = new URL(request.url, 'http://mock').pathname;
  try {
    if (path.startsWith('/api')) {
      const [status, body] = await api(request, path);
      response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
      return;
    }
    const file = extname(path) ? normalize(path) : '/index.html';
    const body = await readFile(join(dist, file));
    response
      .writeHead(200, {
        'Content-Type': types[extname(file)] ?? 'application/octet-stream',
        'Content-Security-Policy': csp,
      })
      .end(body);
  } catch (error) {
    response.writeHead(error.code === 'ENOENT' ? 404 : 500).end();
  }
}).listen(port, '127.0.0.1', () =>
  console.log(
    `mock dialer on http://127.0.0.1:${port}  (${user.email} / ${password})`,
    ...[...resetLinks].map((token) => `\n  reset link: /reset-password#token=${token}`),
  ),
);
