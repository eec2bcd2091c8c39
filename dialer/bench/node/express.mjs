// The compared endpoints in plain Express. Unlike the dialer, it writes no access log and no security headers.

import { randomUUID } from 'node:crypto';
import express from 'express';
import { connect, health, identify, list, port, read } from './work.mjs';

const app = express();
app.disable('x-powered-by');
// No ETag: clients must not store the responses, so a hash of them would be of no use.
app.disable('etag');

async function signedIn(request, response, next) {
  const user = await identify(request.get('authorization'));
  if (user === null) {
    response.status(401).json({ success: false, message: 'You are not signed in.' });
    return;
  }
  request.user = user;
  response.set('Cache-Control', 'private, no-store');
  next();
}

app.get('/api/webhooks/health', (request, response) => {
  response.set('Cache-Control', 'no-store').json(health());
});

app.get('/api/leads', signedIn, async (request, response) => {
  const answer = await list(request.user, request.query, randomUUID());
  response.set({ 'X-Query-Time': answer.meta.queryTime, 'X-Total-Count': answer.pagination.total });
  response.json(answer);
});

app.get('/api/leads/:id', signedIn, async (request, response) => {
  const lead = await read(request.user, request.params.id);
  if (lead === null) {
    response.status(404).json({ success: false, message: 'There is no such lead.' });
    return;
  }
  response.json(lead);
});

await connect();
app.listen(port, '127.0.0.1');
