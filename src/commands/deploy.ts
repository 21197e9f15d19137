import { ConfigError } from '../config/config-error.ts';
import { loadConfig } from '../config/load/load.ts';
import { resolveIdentity } from '../daemon/identity.ts';
import type { Config } from '../model/config.ts';
import type { ServerIdentity } from '../model/server.ts';

/** Where the cache lies unless something else is asked for. nginx makes this folder, but none above it. */
const CACHE_FOLDER = '/var/cache/slipway-nginx';

/** What the machine in front is called where the configuration does not say it yet. */
const EXAMPLE = 'boot.example.net';

/** Settings of {@link deployment}. */
export interface DeployOptions {
  /** The folder of the cache, absolute. */
  readonly cache?: string;
  /** What it may hold, as nginx writes sizes: `50g`. */
  readonly size?: string;
}

/**
 * `slipway deploy PROGRAM`: the configuration of a program in front of the server.
 * @throws ConfigError for a configuration with problems; Error for a program that is not known, or where HTTP is off
 */
export async function deployment(configFile: string, program: string, options: DeployOptions): Promise<string> {
  if (program !== 'nginx') throw new Error(`unknown program ${JSON.stringify(program)}; supported: nginx`);
  const loaded = await loadConfig(configFile);
  if (!loaded.ok) throw new ConfigError(loaded.problems);
  return nginxConfig(loaded.config, resolveIdentity(loaded.config.server), options);
}

/**
 * The configuration of an nginx in front of the daemon: it keeps what is named by its digest, which never changes, and
 * passes on the rest. It fetches in slices, so that a hundred nodes that begin together wait for no more than the first
 * one, and each byte leaves the daemon once.
 * @param server as resolved, for the address behind it
 * @throws Error where HTTP is off
 */
function nginxConfig(
  config: Config,
  server: ServerIdentity,
  { cache = CACHE_FOLDER, size = '50g' }: DeployOptions,
): string {
  const { http } = config.server;
  if (http === false) throw new Error('server.http is off: there is nothing to put nginx in front of');
  const url = http.url === undefined ? undefined : new URL(http.url);
  if (!/^\/[\w./-]+$/.test(cache))
    throw new Error(`--cache ${JSON.stringify(cache)}: expected the absolute path of a folder`);
  if (!/^\d+[kmg]?$/i.test(size)) throw new Error(`--size ${JSON.stringify(size)}: expected a size such as 50g`);
  // Not a name for all: Debian's own site is the default one.
  const name = url?.hostname ?? EXAMPLE;
  const tls = url?.protocol === 'https:';
  const port = url?.port || (tls ? '443' : '80');
  return `# nginx in front of Slipway: a cache for what is named by its digest, and the edge for TLS.
# Put it into /etc/nginx/conf.d/slipway.conf on the machine in front, and tell nodes of it in Slipway's configuration:
#   server: { http: { url: "${http.url ?? `http://${EXAMPLE}`}" } }
proxy_cache_path ${cache} levels=1:2 keys_zone=slipway:10m max_size=${size} inactive=30d use_temp_path=off;

upstream slipway {
  server ${server.address}:${http.port};
  keepalive 32;
}

server {
  listen ${port}${tls ? ' ssl' : ''} backlog=4096;
  server_name ${name};
${tls ? `  ssl_certificate /etc/ssl/certs/${name}.pem;\n  ssl_certificate_key /etc/ssl/private/${name}.key;\n` : ''}
  sendfile on;
  tcp_nopush on;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;

  # Versions by digest: kept until there is no more room, and fetched once however many ask.
  location /blobs/ {
    slice 8m;
    proxy_pass http://slipway;
    proxy_set_header Range $slice_range;
    proxy_cache slipway;
    proxy_cache_key $uri$slice_range;
    proxy_cache_valid 206 30d;
    proxy_cache_lock on;
    proxy_cache_lock_timeout 10m;
    proxy_cache_lock_age 10m;
    add_header X-Cache-Status $upstream_cache_status;
  }

  # Scripts and files by path are as they are at the moment.
  location / {
    proxy_pass http://slipway;
    proxy_buffering off;
    proxy_read_timeout 5m;
  }
}
`;
}
