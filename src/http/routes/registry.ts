import type { Request, RequestHandler, Response } from 'express';
import type { ImageManifest } from '../../model/files/manifest.ts';
import type { NotMirrored } from '../../model/files/mirrored.ts';
import type { OpenFile } from '../../model/files/open-file.ts';
import { hexOfDigest } from '../../model/files/sha256.ts';
import type { AppOptions } from '../app-options.ts';
import { decodedPath, recordOf, sendText } from './respond.ts';
import type { ServeFile } from './serve-file.ts';

/** The only tag: the current version of an image. */
const TAG = 'latest';

/** The error codes of the OCI distribution specification 1.1, "Error Codes", that apply here; the last is distribution's. */
type Code = 'BLOB_UNKNOWN' | 'MANIFEST_UNKNOWN' | 'NAME_UNKNOWN' | 'UNSUPPORTED' | 'UNAVAILABLE';

/** A document of an image of another registry. */
interface Elsewhere {
  readonly host: string;
  readonly name: string;
  readonly what: 'manifests' | 'blobs';
  readonly reference: string;
}

/**
 * Reads `HOST/NAME/manifests/…`, or `NAME/manifests/…?ns=HOST`, which containerd asks of mirrors (its hosts.md);
 * undefined for the path of a built image.
 */
function mirrored(path: string | undefined, target: string): Elsewhere | undefined {
  const [, full = '', what, reference = ''] = /^(.{1,600})\/(manifests|blobs)\/([^/]{1,255})$/.exec(path ?? '') ?? [];
  const query = new URLSearchParams(/\?([^#]{0,1000})/.exec(target)?.[1] ?? '');
  const asked = query.get('ns');
  const slash = full.indexOf('/');
  const [host, name] = asked === null ? [full.slice(0, Math.max(0, slash)), full.slice(slash + 1)] : [asked, full];
  if ((what !== 'manifests' && what !== 'blobs') || host === '') return undefined;
  return { host, name, what, reference };
}

function sendJson(response: Response, status: number, value: unknown): void {
  sendText(response, status, JSON.stringify(value), { 'Content-Type': 'application/json' });
}

function sendManifest(response: Response, { digest, mediaType, text }: ImageManifest): void {
  sendText(response, 200, text, {
    'Content-Type': mediaType,
    'Docker-Content-Digest': `sha256:${digest}`,
    ETag: `"sha256:${digest}"`,
    'Cache-Control': 'no-cache',
    'X-Content-Type-Options': 'nosniff',
  });
}

/**
 * `/v2/`: the built images, read-only, as a registry (OCI distribution specification 1.1, "Pull"), for
 * skopeo, podman, and nodes that boot from one. Names are single words, and the only tag is `latest`. Images of other
 * registries have names that begin with their host.
 */
export function registryRoute(options: AppOptions, serve: ServeFile): RequestHandler {
  const { registry, mirror } = options;
  const sendBlob = (request: Request, response: Response, file: OpenFile, digest: string) =>
    serve(request, response, file, {
      validators: { etag: `"sha256:${digest}"` },
      cacheControl: 'public, max-age=31536000, immutable',
      name: '',
      headers: { 'Docker-Content-Digest': `sha256:${digest}`, 'X-Content-Type-Options': 'nosniff' },
    });
  const refuse = (request: Request, response: Response, status: number, code: Code, message: string) => {
    recordOf(options, request, { event: 'http.refused', level: 'info', message: `${status}: ${message}`, status });
    sendJson(response, status, { errors: [{ code, message }] });
  };

  const serveMirrored = async (request: Request, response: Response, { host, name, what, reference }: Elsewhere) => {
    const unknown = what === 'blobs' ? 'BLOB_UNKNOWN' : 'MANIFEST_UNKNOWN';
    const reject = ({ reason, why }: NotMirrored) =>
      reason === 'missing'
        ? refuse(request, response, 404, unknown, why)
        : refuse(request, response, 502, 'UNAVAILABLE', why);
    if (what === 'manifests') {
      const found = await mirror.manifest(host, name, reference);
      return found.ok ? sendManifest(response, found.manifest) : reject(found);
    }
    const digest = hexOfDigest(reference);
    if (digest === undefined) return refuse(request, response, 404, unknown, 'no such blob');
    const opened = await mirror.blob(host, name, digest);
    return opened.ok ? sendBlob(request, response, opened.file, digest) : reject(opened);
  };

  return async (request, response, next) => {
    const names = await registry.names();
    if (!names) return next();
    response.setHeader('Docker-Distribution-API-Version', 'registry/2.0');
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD');
      return refuse(request, response, 405, 'UNSUPPORTED', 'this registry is read-only');
    }
    const path = decodedPath(request);
    const elsewhere = mirrored(path, request.originalUrl);
    if (elsewhere) return await serveMirrored(request, response, elsewhere);
    if (path === '') return sendJson(response, 200, {});
    if (path === '_catalog') return sendJson(response, 200, { repositories: names });
    const [, name = '', what, reference = ''] =
      /^([^/]{1,255})\/(manifests|blobs|tags)\/([^/]{1,255})$/.exec(path ?? '') ?? [];
    if (!names.includes(name)) {
      const code = what === 'manifests' ? 'MANIFEST_UNKNOWN' : 'NAME_UNKNOWN';
      return refuse(request, response, 404, code, 'no such image');
    }
    if (what === 'tags' && reference === 'list') return sendJson(response, 200, { name, tags: [TAG] });
    if (what === 'manifests') {
      const manifest = await registry.manifest(name, reference === TAG ? undefined : reference);
      if (manifest) return sendManifest(response, manifest);
      return refuse(request, response, 404, 'MANIFEST_UNKNOWN', 'no such image, or not of that tag or digest');
    }
    if (what !== 'blobs') return refuse(request, response, 404, 'NAME_UNKNOWN', 'no such image');
    const digest = hexOfDigest(reference);
    const opened = digest === undefined ? undefined : await registry.blob(digest);
    if (digest === undefined || !opened?.ok) return refuse(request, response, 404, 'BLOB_UNKNOWN', 'no such blob');
    await sendBlob(request, response, opened.file, digest);
  };
}
