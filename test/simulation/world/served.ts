import { createHash } from 'node:crypto';
import { checkTemplates } from '../../../src/ipxe-templates/nunjucks/check.ts';
import { loadTemplates } from '../../../src/ipxe-templates/nunjucks/load.ts';
import type { Templates } from '../../../src/ipxe-templates/nunjucks/render.ts';
import type { Image } from '../../../src/model/boot/image.ts';
import type { FileRole } from '../../../src/model/fleet/event-steps.ts';
import type { Mac } from '../../../src/model/machine/mac.ts';
import type { Config } from '../../../src/model/settings/config.ts';
import type { Node } from '../../../src/model/settings/node.ts';
import { aConfig, aNode, settings, sourced } from '../../support/config.ts';

/** What a node of the configuration boots. `gone`: its kernel is not there; `expired`: the script names an old one. */
export type Boots = 'image' | 'gone' | 'expired' | 'ignore';

/** A node of the configuration. */
export interface Entry {
  readonly name: string;
  readonly mac: Mac;
  readonly boots: Boots;
}

const file = (path: string) => ({ kind: 'artifact', path }) as const;

function imageOf(boots: Boots): Image {
  const root = { method: 'image', source: file('debian/root.squashfs'), size: null };
  const kernel = file(boots === 'image' ? 'debian/vmlinuz' : `${boots}/vmlinuz`);
  return { name: 'debian', kernel, initrd: [file('debian/initrd.img')], root };
}

function settingsOf(boots: Boots) {
  if (boots === 'ignore') return settings({ action: sourced('ignore') });
  return settings({ image: sourced(imageOf(boots)), template: sourced('image') });
}

/** A configuration with these nodes; others are ignored. */
export function configOf(entries: readonly Entry[]): Config {
  const nodes = entries.map(({ name, mac, boots }): Node => {
    return aNode({ name, hostname: sourced(name), macs: [mac], settings: settingsOf(boots) });
  });
  return aConfig(nodes);
}

/** The templates, compiled once for all worlds. */
export async function compileTemplates(): Promise<Templates> {
  const checked = checkTemplates(aConfig([aNode({ settings: settingsOf('image') })]), await loadTemplates(undefined));
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return checked.templates;
}

/** The digest of an artifact: one of its path. */
const digestOf = (path: string): string => createHash('sha256').update(path).digest('hex');

/** The version in force of an artifact. */
export async function pin({ path }: { readonly path: string }): Promise<{ digest: string; size: number }> {
  if (path.startsWith('gone/')) throw new Error('no such file');
  return { digest: digestOf(path), size: 20_000_000 };
}

/** Digests that scripts name though the server has them no more. */
export const EXPIRED: ReadonlySet<string> = new Set([digestOf('expired/vmlinuz')]);

/** What a file is to a machine whose script an earlier daemon has made, by its path. */
export function roleOfPath(path: string): FileRole | undefined {
  if (path.startsWith('/boot/')) return 'boot-file';
  if (path.endsWith('/vmlinuz')) return 'kernel';
  return path.endsWith('/initrd.img') ? 'initrd' : 'root';
}
