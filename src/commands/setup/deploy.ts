import { ConfigError } from '../../config/config-error.ts';
import { loadConfig } from '../../config/load/load.ts';
import { resolveIdentities } from '../../daemon/serving/identity.ts';
import type { Config } from '../../model/settings/config.ts';
import type { ServerIdentities } from '../../model/settings/served-by.ts';

/** Default folder of the cache. nginx makes this folder, but not its parents. */
const CACHE_FOLDER = '/var/cache/slipway-nginx';

/** Host name of the machine in front if the configuration does not have it yet. */
const EXAMPLE = 'boot.example.net';

/** Settings of {@link deployment}. */
export interface DeployOptions {
  /** Absolute path of the cache's folder. */
  readonly cache?: string;
  /** Size limit of the cache, in nginx's notation: `50g`. */
  readonly size?: string;
}

/**
 * `slipway deploy PROGRAM`: the configuration of a program in front of the server.
 * @throws ConfigError for a configuration with problems; Error for an unknown program, or if HTTP is off
 */
export async function deployment(configFile: string, program: string, options: DeployOptions): Promise<string> {
  if (program !== 'nginx') throw new Error(`unknown program ${JSON.stringify(program)}; supported: nginx`);
  const loaded = await loadConfig(configFile);
  if (!loaded.ok) throw new ConfigError(loaded.problems);
  return nginxConfig(loaded.config, resolveIdentities(loaded.config.server), options);
}

/**
 * The configuration of an nginx in front of the daemon. It caches blobs, which never change, and passes on all other
 * requests. It fetches in slices, so that a hundred nodes that begin together wait only for the first slice, and each
 * byte leaves the daemon once.
 * @param servers the daemon's addresses: requests go to the first, and say by which of the URLs they came
 * @throws Error if HTTP is off
 */
function nginxConfig(
  config: Config,
  servers: ServerIdentities,
  { cache = CACHE_FOLDER, size = '50g' }: DeployOptions,
): string {
  const { http } = config.server;
  if (http === false) throw new Error('server.http is off: turn it on, as nginx passes requests to it');
  const urls = servers.flatMap((each) => (each.url === undefined ? [] : new URL(each.url)));
  const [server] = servers;
  const [url] = urls;
  if (!/^\/[\w./-]+$/.test(cache))
    throw new Error(`--cache ${JSON.stringify(cache)}: expected the absolute path of a folder`);
  if (!/^\d+[kmg]?$/i.test(size)) throw new Error(`--size ${JSON.stringify(size)}: expected a size such as 50g`);
  // Not server_name _, because Debian's own site is the default server.
  const name = url?.hostname ?? EXAMPLE;
  const names = [...new Set([name, ...urls.map(({ hostname }) => hostname)])].join(' ');
  const tls = url?.protocol === 'https:';
  const port = url?.port || (tls ? '443' : '80');
  return `# nginx in front of Slipway: caches files by digest, and can speak TLS.
# Save this as /etc/nginx/conf.d/slipway.conf on the machine in front, and set its URL in Slipway's configuration:
#   server: { http: { url: "${url?.origin ?? `http://${EXAMPLE}`}" } }
proxy_cache_path ${cache} levels=1:2 keys_zone=slipway:10m max_size=${size} inactive=30d use_temp_path=off;

upstream slipway {
  server ${server.address}:${http.port};
  keepalive 32;
}

server {
  listen ${port}${tls ? ' ssl' : ''} backlog=4096;
  server_name ${names};
${tls ? `  ssl_certificate /etc/ssl/certs/${name}.pem;\n  ssl_certificate_key /etc/ssl/private/${name}.key;\n` : ''}
  sendfile on;
  tcp_nopush on;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header Host $http_host;
  # The metadata service knows machines by their addresses: it refuses what comes through a proxy.
  proxy_set_header X-Forwarded-For $remote_addr;

  # Files by digest never change: kept until the cache is full, and fetched once, however many nodes ask.
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

  # Their paths have tokens, which are for no log.
  location ~ ^/(configuration|report)/ {
    proxy_pass http://slipway;
    access_log off;
    error_log stderr crit;
  }

  # Scripts, and files by path, can change: not cached.
  location / {
    proxy_pass http://slipway;
    proxy_buffering off;
    proxy_read_timeout 5m;
  }
}
`;
}
