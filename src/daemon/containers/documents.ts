import { createHash } from 'node:crypto';
import type { MachineDocument } from '../../ipxe-templates/scripts/wanted.ts';
import { maskSecrets, replaceSecrets, secretOf, secretsIn } from '../../model/configuration/merge.ts';
import type { ContainersDocument } from '../../model/containers/document.ts';
import { documentFor } from '../../model/containers/plan.ts';
import { type ContainersSection, mergeContainers, type StoreSection } from '../../model/containers/section.ts';
import type { StoreSettings } from '../../model/containers/stored-files.ts';
import type { Config, Match } from '../../model/settings/config.ts';
import type { ServerIdentity } from '../../model/settings/server.ts';
import { readSecret } from '../configuration/secrets.ts';

/** The longest document, bytes: a kernel, an initrd and jq have to hold it. */
const MAX = 1024 * 1024;

/** What a machine is called in its document, and in the names of its objects in stores. */
export const runnerName = ({ node, mac }: Match): string => node?.name ?? mac;

/** The section of a machine, of all that say something. */
export const sectionOf = ({ settings }: Match): ContainersSection => mergeContainers(settings.containers ?? []);

/** A section with its secrets read. Anybody can make up an address: only nodes get secrets. */
async function withSecrets(section: ContainersSection, match: Match, folder: string): Promise<ContainersSection> {
  const sources = secretsIn(section);
  if (sources.length > 0 && !match.node) throw new Error('its containers have secrets, and only nodes get those');
  const read = sources.map(async (source) => [source, await readSecret(source, folder, process.env)] as const);
  const values = new Map(await Promise.all(read));
  return replaceSecrets(section, (source) => values.get(source));
}

/** A store with its secrets read. @throws Error that names the source and not the secret */
export async function storeSettings(store: StoreSection, folder: string): Promise<StoreSettings> {
  const text = async (value: StoreSection['access_key']) => {
    const source = secretOf(value);
    return source === undefined ? String(value) : await readSecret(source, folder, process.env);
  };
  const { url, bucket, region = 'us-east-1', access_key, secret_key } = store;
  const [accessKey, secretKey] = await Promise.all([text(access_key), text(secret_key)]);
  return { url, bucket: String(bucket), region, accessKey, secretKey };
}

function planned(
  section: ContainersSection,
  match: Match,
  server: ServerIdentity,
  { server: { registry } }: Config,
): ContainersDocument {
  const isMirrored = (host: string) => registry !== false && registry.mirrors.has(host);
  return documentFor(section, { node: runnerName(match), server, isMirrored });
}

/** The document as people may see it. */
export function shownDocument(match: Match, server: ServerIdentity, config: Config): ContainersDocument {
  return planned(maskSecrets(sectionOf(match)), match, server, config);
}

/**
 * The document of a machine, with its secrets.
 * @throws Error with the reason where a secret cannot be read, or the document is too long
 */
export async function machineDocument(match: Match, server: ServerIdentity, config: Config): Promise<MachineDocument> {
  const section = await withSecrets(sectionOf(match), match, config.folder);
  const text = `${JSON.stringify(planned(section, match, server, config))}\n`;
  if (Buffer.byteLength(text) > MAX) throw new Error(`its containers make a document of more than ${MAX} bytes`);
  return { text, digest: createHash('sha256').update(text).digest('hex') };
}
