import type { KexecDocument, KexecFile } from '../../model/containers/document.ts';
import type { MachineFacts } from '../../model/machine/facts.ts';
import { hyphenated, type Mac } from '../../model/machine/mac.ts';
import { expand, imageCommands, type ValueOf } from './expand.ts';

/** What a script has a machine boot, for a kernel that is started without iPXE; or why it cannot be told. */
export type KexecPlan = Omit<KexecDocument, 'report'> | { readonly fault: string };

/** A file's digest is in its address at this server. */
const BLOB = /\/blobs\/sha256\/([0-9a-f]{64})\//;
/** Arguments that name what a boot loader has loaded. */
const OF_LOADER = /^(?:initrd|BOOT_IMAGE)=/;

const spelled = (mac: Mac, type: string | undefined): string | undefined =>
  ({ '': mac, hex: mac, hexhyp: hyphenated(mac), hexraw: mac.replaceAll(':', '') })[type ?? ''];

/** What the settings of iPXE are on a machine, of those that the server knows too. */
function valuesOf({ mac, uuid, serial, asset, product, manufacturer }: MachineFacts): ValueOf {
  const known: Readonly<Record<string, string | undefined>> = { uuid, serial, asset, product, manufacturer };
  return (name, type) => {
    // Another card's address is not known.
    if (name === 'mac' || name === 'netX/mac') return spelled(mac, type);
    return type === undefined ? known[name] : undefined;
  };
}

/**
 * Reads a script as iPXE would: its `kernel`, and its `initrd`s in their order.
 * @param url the root of this server's URLs, whose files have their digests in them
 */
export function kexecPlan(script: string, facts: MachineFacts, url: string): KexecPlan {
  const text = expand(script, valuesOf(facts));
  const [kernel, ...others] = imageCommands(text, 'kernel');
  if (!kernel) return { fault: 'its script has no command "kernel"' };
  if (others.length > 0) return { fault: 'its script has several commands "kernel", of which iPXE would choose' };
  const initrds = imageCommands(text, 'initrd');
  const words = [kernel, ...initrds].flatMap((each) => [each.url, ...each.args]);
  const [setting] = /\$\{[^${}]+\}/.exec(words.join(' ')) ?? [];
  if (setting !== undefined) return { fault: `its script has ${setting}, which only iPXE knows` };
  const file = (address: string): KexecFile => {
    const [, sha256 = null] = (address.startsWith(`${url}/`) && BLOB.exec(address)) || [];
    return { url: address, sha256 };
  };
  return {
    kernel: file(kernel.url),
    initrds: initrds.map(({ url: address, args: [path = null] }) => ({ ...file(address), path })),
    line: kernel.args.filter((word) => !OF_LOADER.test(word)).join(' '),
  };
}
