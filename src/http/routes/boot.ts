import type { RequestHandler } from 'express';
import { isAutoexec } from '../../model/boot/boot-file.ts';
import type { AppOptions } from '../app-options.ts';
import { fileValidators } from './artifacts.ts';
import { decodedPath, isRead, malformed, refuse, sendText } from './respond.ts';
import type { ServeFile } from './serve-file.ts';

/** `/boot/<name>`: iPXE binaries, and beside each the `autoexec.ipxe` that any iPXE looks for. */
export function bootRoute(deps: AppOptions, serve: ServeFile): RequestHandler {
  return async (request, response) => {
    if (!isRead(request, response)) return;
    const name = decodedPath(request);
    if (name === undefined) return malformed(deps, request, response);
    if (isAutoexec(name)) return sendText(response, 200, await deps.scripts.bootstrap());
    const opened = await deps.bootFiles.open(name);
    if (!opened.ok) return refuse(deps, request, response, opened);
    const validators = fileValidators(opened.file, deps.now());
    await serve(request, response, opened.file, { validators, cacheControl: 'no-cache', name });
  };
}
