import type { Request, Response } from 'express';
import { NOT_ARRIVED } from '../../model/files/mirrored.ts';
import type { OpenFile } from '../../model/files/open-file.ts';
import type { AppOptions } from '../app-options.ts';
import type { SendRange, Sent } from '../send/progress.ts';
import { evaluatePreconditions, rangeApplies, type Validators } from './conditional.ts';
import { parseRange } from './range.ts';
import { recordOf, sendText } from './respond.ts';

/** The headers of a file. */
export interface Presentation {
  readonly validators: Validators;
  readonly cacheControl: string;
  /** For the Content-Type; never sent. */
  readonly name: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A function that answers GET and HEAD with an open file, which it closes. */
export type ServeFile = (request: Request, response: Response, file: OpenFile, as: Presentation) => Promise<void>;

/** The Content-Type: UEFI HTTP boot takes a program only as `application/efi` or by the ending of its path. */
function contentType(name: string): string {
  if (/\.efi$/i.test(name)) return 'application/efi';
  return /\.ipxe$/i.test(name) ? 'text/plain; charset=utf-8' : 'application/octet-stream';
}

/** Makes the function that serves files: preconditions, ranges, and an event for each download. */
export function createServeFile(options: AppOptions, send: SendRange): ServeFile {
  const record = (request: Request, status: number, seconds: number, length: number, sent: Sent | undefined) => {
    recordOf(options, request, {
      event: 'http.download',
      level: sent ? 'info' : 'debug',
      message: sent ? `${status}: ${sent.bytes} of ${length} bytes sent, ${sent.outcome}` : `${status}: no body`,
      ...{ status, bytes: sent?.bytes ?? 0, length, complete: sent?.outcome === 'complete', seconds },
    });
  };

  const body = async (request: Request, response: Response, file: OpenFile, first: number, length: number) => {
    const started = options.monotonic();
    const sent = await send(file, first, length, response);
    record(request, response.statusCode, Math.round(options.monotonic() - started) / 1000, length, sent);
    const { message, code } = (sent.error ?? {}) as NodeJS.ErrnoException;
    // The fetch itself logs, once for all clients, why bytes did not arrive.
    if (sent.outcome === 'failed' && code !== NOT_ARRIVED) {
      recordOf(options, request, { event: 'http.error', level: 'error', message: `cannot read: ${message}`, code });
    }
    if (sent.begun || response.destroyed) return;
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    if (sent.outcome === 'changed') {
      response.setHeader('Retry-After', '2');
      sendText(response, 503, 'the file is being changed\n');
    } else if (code === NOT_ARRIVED) sendText(response, 502, 'the registry did not send all of it\n');
    else sendText(response, 500, 'the file cannot be read\n');
  };

  return async (request, response, file, { validators, cacheControl, name, headers = {} }) => {
    try {
      response.setHeader('ETag', validators.etag);
      if (validators.lastModified !== undefined) {
        response.setHeader('Last-Modified', new Date(validators.lastModified).toUTCString());
      }
      response.setHeader('Cache-Control', cacheControl);
      for (const [header, value] of Object.entries(headers)) response.setHeader(header, value);

      const condition = evaluatePreconditions(request.headers, validators);
      if (condition === 'not-modified') {
        response.statusCode = 304;
        response.end();
        return record(request, 304, 0, 0, undefined);
      }
      if (condition === 'failed') return sendText(response, 412, 'the file is not the version asked for\n');

      response.setHeader('Accept-Ranges', 'bytes');
      response.setHeader('Content-Type', contentType(name));
      // Ranges are defined for GET only: RFC 9110 section 14.2.
      const header = request.method === 'GET' ? request.headers.range : undefined;
      const applies = rangeApplies(request.headers['if-range'] as string | undefined, validators);
      const range = parseRange(applies ? header : undefined, file.size);
      if (range === 'unsatisfiable') {
        response.setHeader('Content-Range', `bytes */${file.size}`);
        sendText(response, 416, 'the range is not in the file\n');
        return record(request, 416, 0, 0, undefined);
      }
      const { first, last } = range === 'whole' ? { first: 0, last: file.size - 1 } : range;
      const length = last - first + 1;
      if (range !== 'whole') {
        response.statusCode = 206;
        response.setHeader('Content-Range', `bytes ${first}-${last}/${file.size}`);
      }
      response.setHeader('Content-Length', length);
      if (request.method === 'HEAD' || length === 0) {
        response.end();
        return record(request, response.statusCode, 0, length, undefined);
      }
      await body(request, response, file, first, length);
    } finally {
      await file.close();
    }
  };
}
