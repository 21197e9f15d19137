/**
 * A program for the wire tests: takes webhooks at `/hook` and traces at `/v1/traces`, and prints a line of JSON for
 * each request. Every second webhook request gets 503. Arguments: port, the key of the signatures.
 */
import { createServer } from 'node:http';
import { Webhook } from 'standardwebhooks';
import { traceRequest } from './otlp-shape.ts';

const [port = '', key = ''] = process.argv.slice(2);
const verifier = new Webhook(key, { format: 'raw' });
const say = (line: object) => console.log(JSON.stringify(line));
let turn = 0;

const server = createServer(async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  const { headers, url } = request;
  if (url === '/v1/traces') {
    const read = traceRequest.safeParse(JSON.parse(body));
    const spans = read.data?.resourceSpans.flatMap((each) => each.scopeSpans.flatMap((scope) => scope.spans));
    for (const span of spans ?? []) say({ at: 'trace', ...span });
    say({ at: 'traces', problem: read.error?.message, token: headers.authorization });
    response.end('{}');
    return;
  }
  try {
    const status = turn++ % 2 === 0 ? 503 : 204;
    const event = verifier.verify(body, headers as Record<string, string>) as object;
    say({ at: 'hook', status, id: headers['webhook-id'], ...event });
    response.writeHead(status).end();
  } catch (error) {
    say({ at: 'hook', problem: String(error) });
    response.writeHead(400).end();
  }
});
server.listen(Number(port), '127.0.0.1', () => say({ at: 'listening' }));
