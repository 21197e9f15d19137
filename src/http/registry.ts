import type { Request, RequestHandler, Response } from 'express';
import type { OpenResult } from '../model/open-file.ts';
import type { HttpDeps } from './deps.ts';
import { decodedPath, requestDetails } from './respond.ts';
import type { ServeFile } from './serve-file.ts';

/** The images that a registry offers. */
export interface RegistryDeps {
  names(): Promise<readonly string[]>;
  /** Undefined where there is no such image. */
  tags(name: string): Promise<readonly string[] | undefined>;
  /** By tag or by `sha256:` digest; undefined where there is none. */
  manifest(
    name: string,
    reference: string,
  ): Promise<{ readonly digest: string; readonly mediaType: string; readonly bytes: Uint8Array } | undefined>;
  /** By 64 hex digits. */
  blob(name: string, digest: string): Promise<OpenResult>;
}

/** The error codes of the OCI distribution specification 1.1, "Error Codes", that apply here. */
type Code = 'BLOB_UNKNOWN' | 'MANIFEST_UNKNOWN' | 'NAME_UNKNOWN' | 'UNSUPPORTED';

function sendJson(response: Response, status: number, value: unknown): void {
  const text = JSON.stringify(value);
  response.statusCode = status;
  response.setHeader('Content-Type', 'application/json');
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Content-Length', Buffer.byteLength(text));
  response.end(text);
}

function sendManifest(
  response: Response,
  { digest, mediaType, bytes }: { readonly digest: string; readonly mediaType: string; readonly bytes: Uint8Array },
): void {
  response.setHeader('Content-Type', mediaType);
  response.setHeader('Docker-Content-Digest', `sha256:${digest}`);
  response.setHeader('ETag', `"sha256:${digest}"`);
  response.setHeader('Cache-Control', 'no-cache');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  response.setHeader('Content-Length', bytes.length);
  response.end(bytes);
}

/**
 * `/v2/`: the images that were built, read-only, as a registry (OCI distribution specification 1.1, "Pull"), for
 * skopeo, podman, and nodes that boot from one. Names are single words, and the only tag is `latest`.
 */
export function registryRoute(deps: HttpDeps, serve: ServeFile, registry: RegistryDeps): RequestHandler {
  const refuse = (request: Request, response: Response, status: number, code: Code, message: string) => {
    deps.record({
      event: 'http.refused',
      level: 'info',
      message: `${status}: ${message}`,
      status,
      ...requestDetails(request),
    });
    sendJson(response, status, { errors: [{ code, message }] });
  };

  return async (request, response) => {
    response.setHeader('Docker-Distribution-API-Version', 'registry/2.0');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return refuse(request, response, 405, 'UNSUPPORTED', 'this registry is read-only');
    }
    const path = decodedPath(request);
    if (path === '') return sendJson(response, 200, {});
    if (path === '_catalog') return sendJson(response, 200, { repositories: await registry.names() });
    const [, name = '', what, reference = ''] =
      /^([^/]{1,255})\/(manifests|blobs|tags)\/([^/]{1,255})$/.exec(path ?? '') ?? [];
    if (what === 'tags' && reference === 'list') {
      const tags = await registry.tags(name);
      if (tags) return sendJson(response, 200, { name, tags });
    }
    if (what === 'manifests') {
      const manifest = await registry.manifest(name, reference);
      if (manifest) return sendManifest(response, manifest);
      return refuse(request, response, 404, 'MANIFEST_UNKNOWN', 'no such image, or not of that tag or digest');
    }
    if (what !== 'blobs') return refuse(request, response, 404, 'NAME_UNKNOWN', 'no such image');
    const [, digest] = /^sha256:([0-9a-f]{64})$/.exec(reference) ?? [];
    const opened = digest === undefined ? undefined : await registry.blob(name, digest);
    if (digest === undefined || !opened?.ok) return refuse(request, response, 404, 'BLOB_UNKNOWN', 'no such blob');
    await serve(request, response, opened.file, {
      validators: { etag: `"sha256:${digest}"` },
      cacheControl: 'public, max-age=31536000, immutable',
      name: '',
      headers: { 'Docker-Content-Digest': `sha256:${digest}`, 'X-Content-Type-Options': 'nosniff' },
    });
  };
}
