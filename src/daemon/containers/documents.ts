import { createHash } from 'node:crypto';
import type { MachineDocument } from '../../ipxe-templates/scripts/wanted.ts';
import { maskSecrets, secretsIn } from '../../model/configuration/merge.ts';
import type { ContainersDocument } from '../../model/containers/document.ts';
import { documentFor } from '../../model/containers/plan.ts';
import { type ContainersSection, mergeContainers, type StoreSection } from '../../model/containers/section.ts';
import type { StoreSettings } from '../../model/containers/stored-files.ts';
import type { Config, Match } from '../../model/settings/config.ts';
import type { ServerIdentity } from '../../model/settings/server.ts';
import { withSecrets } from '../configuration/secrets.ts';
import { machineOf } from '../fleet/next/next-boots.ts';

/** The longest document, bytes: a kernel, an initrd and jq have to hold it. */
const MAX = 1024 * 1024;

/** The section of a machine, of all that say something. */
export const sectionOf = ({ settings }: Match): ContainersSection => mergeContainers(settings.containers ?? []);

/** A store with its secrets read. @throws Error that names the source and not the secret */
export async function storeSettings(store: StoreSection, folder: string): Promise<StoreSettings> {
  const { url, bucket, region = 'us-east-1', ...keys } = store;
  const { access_key, secret_key } = await withSecrets(keys, folder, process.env);
  return { url, bucket: String(bucket), region, accessKey: String(access_key), secretKey: String(secret_key) };
}

function planned(
  section: ContainersSection,
  match: Match,
  server: ServerIdentity,
  { server: { registry } }: Config,
): ContainersDocument {
  const isMirrored = (host: string) => registry !== false && registry.mirrors.has(host);
  return documentFor(section, { node: machineOf(match), server, isMirrored });
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
  const references = sectionOf(match);
  // Anybody can make up an address.
  if (!match.node && secretsIn(references).length > 0)
    throw new Error('its containers have secrets, and only nodes get those');
  const section = await withSecrets(references, config.folder, process.env);
  const text = `${JSON.stringify(planned(section, match, server, config))}\n`;
  if (Buffer.byteLength(text) > MAX) throw new Error(`its containers make a document of more than ${MAX} bytes`);
  return { text, digest: createHash('sha256').update(text).digest('hex') };
}
