/** The registry of docker.io, which has another name than its images. */
const DOCKER = 'registry-1.docker.io';

/** A repository of a registry, in names that were checked. */
export interface Repository {
  /** `HOST` or `HOST:PORT`, as image names have it. */
  readonly host: string;
  readonly name: string;
}

/**
 * A repository by a client's words; undefined for what is no name (OCI distribution specification 1.1, "Pulling
 * manifests"). Images of docker.io without a folder lie in `library/`.
 */
export function repositoryOf(host: string, name: string): Repository | undefined {
  const full = host === 'docker.io' && !name.includes('/') ? `library/${name}` : name;
  const part = '[a-z0-9]+(?:(?:\\.|_{1,2}|-+)[a-z0-9]+)*';
  // The length first: the pattern would take long for an endless name.
  if (full.length > 255 || !new RegExp(`^${part}(?:/${part})*$`).test(full)) return undefined;
  return { host, name: full };
}

/**
 * The registry that a client means. The names of docker, podman and skopeo cannot have a port below their first part, so
 * that it may be left out where only one registry of the host is configured.
 * @returns its key in the configuration
 */
export function configuredHost(hosts: Iterable<string>, asked: string): string | undefined {
  const fitting = [...hosts].filter((host) => host === asked || host.startsWith(`${asked}:`));
  if (fitting.includes(asked)) return asked;
  return fitting.length === 1 ? fitting[0] : undefined;
}

/** Whether a text is a tag (OCI distribution specification 1.1, "Pulling manifests"). */
export function isTag(text: string): boolean {
  return /^\w[\w.-]{0,127}$/.test(text);
}

/** The URL of a repository's document or blob. @param path such as `manifests/latest` */
export function urlOf({ host, name }: Repository, plainHttp: boolean, path: string): URL {
  const server = host === 'docker.io' ? DOCKER : host;
  return new URL(`${plainHttp ? 'http' : 'https'}://${server}/v2/${name}/${path}`);
}
