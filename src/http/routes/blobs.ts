import type { RequestHandler } from 'express';
import type { AppOptions } from '../app-options.ts';
import { decodedPath, isRead, malformed, refuse } from './respond.ts';
import type { ServeFile } from './serve-file.ts';

/** `/blobs/sha256/<digest>/<name>`: versions by content, which never change. The name is for people and firmware. */
export function blobsRoute(deps: AppOptions, serve: ServeFile): RequestHandler {
  return async (request, response) => {
    if (!isRead(request, response)) return;
    const path = decodedPath(request);
    if (path === undefined) return malformed(deps, request, response);
    const [, digest, name = ''] = /^sha256\/([0-9a-f]{64})(?:\/([^/]*))?$/.exec(path) ?? [];
    const opened =
      digest === undefined
        ? ({ ok: false, reason: 'missing', why: 'expected /blobs/sha256/<64 hex digits>/<name>' } as const)
        : await deps.artifacts.openBlob(digest);
    if (digest === undefined || !opened.ok) {
      if (!opened.ok) refuse(deps, request, response, opened);
      return;
    }
    await serve(request, response, opened.file, {
      validators: { etag: `"${digest}"` },
      cacheControl: 'public, max-age=31536000, immutable',
      name,
      headers: {
        'Docker-Content-Digest': `sha256:${digest}`,
        // RFC 9530 section 3.
        'Repr-Digest': `sha-256=:${Buffer.from(digest, 'hex').toString('base64')}:`,
      },
    });
  };
}
