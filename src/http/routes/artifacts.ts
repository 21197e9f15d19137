import type { RequestHandler } from 'express';
import type { OpenFile } from '../../model/files/open-file.ts';
import type { AppOptions } from '../app-options.ts';
import type { Validators } from './conditional.ts';
import { decodedPath, isRead, malformed, refuse } from './respond.ts';
import type { ServeFile } from './serve-file.ts';

/** The age from which a file's time stamp is sure to differ from that of the next write, milliseconds. */
const SETTLED = 2000;

/**
 * The validators of a file that may change. The digest is the tag where it is known. Otherwise it is made of the stat,
 * and weak while the file is so young that another write could leave the same stamp; nor is a Last-Modified given
 * then, so that one that was given is strong (RFC 9110 section 8.8.2.2).
 */
export function fileValidators({ stamp, modified, digest }: OpenFile, now: number): Validators {
  const settled = now - modified >= SETTLED;
  const etag = digest !== undefined || settled ? `"${digest ?? stamp}"` : `W/"${stamp}"`;
  return settled ? { etag, lastModified: modified } : { etag };
}

/** `/artifacts/<path>`: files by path, as they are now. */
export function artifactsRoute(deps: AppOptions, serve: ServeFile): RequestHandler {
  return async (request, response) => {
    if (!isRead(request, response)) return;
    const path = decodedPath(request);
    if (path === undefined) return malformed(deps, request, response);
    const opened = await deps.artifacts.open(path);
    if (!opened.ok) return refuse(deps, request, response, opened);
    const validators = fileValidators(opened.file, deps.now());
    await serve(request, response, opened.file, { validators, cacheControl: 'no-cache', name: path });
  };
}
