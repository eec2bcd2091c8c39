// The compared endpoints in plain Fastify. Unlike the dialer, it writes no access log and no security headers.

import { randomUUID } from 'node:crypto';
import Fastify from 'fastify';
import { connect, health, identify, list, port, read } from './work.mjs';

const app = Fastify();
app.decorateRequest('user', null);

async function signedIn(request, reply) {
  const user = await identify(request.headers.authorization);
  if (user === null) {
    return reply.code(401).send({ success: false, message: 'You are not signed in.' });
  }
  request.user = user;
  reply.header('cache-control', 'private, no-store');
}

// Response schemas, which Fastify recommends for speed. Leads have none, because their fields vary.
const string = { type: 'string' };
const schema = {
  response: {
    200: { type: 'object', properties: { status: string, service: string, timestamp: string } },
  },
};

app.get('/api/webhooks/health', { schema }, async (request, reply) => {
  reply.header('cache-control', 'no-store');
  return health();
});

app.get('/api/leads', { onRequest: signedIn }, async (request, reply) => {
  const answer = await list(request.user, request.query, randomUUID());
  reply.headers({ 'x-query-time': answer.meta.queryTime, 'x-total-count': answer.pagination.total });
  return answer;
});

app.get('/api/leads/:id', { onRequest: signedIn }, async (request, reply) => {
  const lead = await read(request.user, request.params.id);
  if (lead === null) {
    return reply.code(404).send({ success: false, message: 'There is no such lead.' });
  }
  return lead;
});

await connect();
await app.listen({ port, host: '127.0.0.1' });
