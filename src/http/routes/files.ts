import type { RequestHandler } from 'express';
import { isAutoexec } from '../../model/boot/boot-file.ts';
import type { OpenFile, OpenResult } from '../../model/files/open-file.ts';
import type { AppOptions } from '../app-options.ts';
import type { Validators } from './conditional.ts';
import { arrivalOf, decodedPath, readRoute, refuse, sendText } from './respond.ts';
import type { ServeFile } from './serve-file.ts';

/** The age from which a file's time stamp is sure to differ from that of the next write, milliseconds. */
const SETTLED = 2000;

/**
 * The validators of a file that may change. The digest is the tag where it is known. Otherwise it is made of the stat,
 * and weak while the file is so young that another write could leave the same stamp; nor is a Last-Modified given
 * then, so that one that was given is strong (RFC 9110 section 8.8.2.2).
 */
function fileValidators({ stamp, modified, digest }: OpenFile, now: number): Validators {
  const settled = now - modified >= SETTLED;
  const etag = digest !== undefined || settled ? `"${digest ?? stamp}"` : `W/"${stamp}"`;
  return settled ? { etag, lastModified: modified } : { etag };
}

/** Files by name that may change: they are validated at each use. */
function changingFiles(options: AppOptions, serve: ServeFile, open: (name: string) => Promise<OpenResult>) {
  return readRoute(options, async (name, request, response) => {
    const opened = await open(name);
    if (!opened.ok) return refuse(options, request, response, opened);
    const validators = fileValidators(opened.file, options.now());
    await serve(request, response, opened.file, { validators, cacheControl: 'no-cache', name });
  });
}

/** `/artifacts/<path>`: files by path, as they are now. */
export function artifactsRoute(options: AppOptions, serve: ServeFile): RequestHandler {
  return changingFiles(options, serve, (path) => options.artifacts.open(path));
}

/** `/boot/<name>`: iPXE binaries, and beside each the `autoexec.ipxe` that any iPXE looks for. */
export function bootRoute(options: AppOptions, serve: ServeFile): RequestHandler {
  const binaries = changingFiles(options, serve, (name) => options.bootFiles.open(name));
  const script = readRoute(options, async (_name, request, response) =>
    sendText(response, 200, await options.scripts.bootstrap(arrivalOf(request))),
  );
  return (request, response, next) =>
    (isAutoexec(decodedPath(request) ?? '') ? script : binaries)(request, response, next);
}

/** `/blobs/sha256/<digest>/<name>`: versions by content, which never change. The name is for people and firmware. */
export function blobsRoute(options: AppOptions, serve: ServeFile): RequestHandler {
  return readRoute(options, async (path, request, response) => {
    const [, digest, name = ''] = /^sha256\/([0-9a-f]{64})(?:\/([^/]*))?$/.exec(path) ?? [];
    if (digest === undefined) {
      const why = 'expected /blobs/sha256/<64 hex digits>/<name>';
      return refuse(options, request, response, { ok: false, reason: 'missing', why });
    }
    const opened = await options.artifacts.openBlob(digest);
    if (!opened.ok) return refuse(options, request, response, opened);
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
  });
}
