import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import type { RecordEvent } from '../../model/event.ts';

/** The statuses for errors of Node's HTTP parser. All others are 400. */
const STATUS: Readonly<Record<string, number>> = { HPE_HEADER_OVERFLOW: 431, ERR_HTTP_REQUEST_TIMEOUT: 408 };

/**
 * Answers bytes that never become a request: no HTTP, heads that are too long or come too slowly, and CONNECT.
 */
export function refuseRaw(server: Server, record: RecordEvent): void {
  const refuse = (socket: Socket, status: number, why: string, more: { method?: string; path?: string } = {}) => {
    const client = socket.remoteAddress;
    record({ event: 'http.refused', level: 'info', message: `${status}: ${why}`, status, client, ...more });
    if (!socket.writable) return socket.destroy();
    const body = `${why}\n`;
    socket.end(
      [
        `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
        'Content-Type: text/plain; charset=utf-8',
        `Content-Length: ${body.length}`,
        ...(status === 405 ? ['Allow: GET, HEAD'] : []),
        'Connection: close',
        '',
        body,
      ].join('\r\n'),
      () => socket.destroy(),
    );
  };
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket & { _httpMessage?: unknown }) => {
    // A second answer must not get into the midst of one that is being sent.
    if (error.code === 'ECONNRESET' || socket._httpMessage) return socket.destroy();
    const status = STATUS[error.code ?? ''] ?? 400;
    const why = status === 431 ? "the request's head is too long" : 'the request did not come in time';
    refuse(socket, status, status === 400 ? 'this is no HTTP request' : why);
  });
  server.on('connect', (request: IncomingMessage, socket: Socket) => {
    socket.on('error', () => {});
    const path = request.url?.slice(0, 500) ?? '';
    refuse(socket, 405, 'only GET and HEAD are served here', { method: 'CONNECT', path });
  });
}
