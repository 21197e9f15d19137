import { readdir } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { listImages } from '../../../images/store/image-list.ts';
import { storePaths } from '../../../images/store/publish.ts';
import { isBuildName } from '../../../model/boot/build.ts';
import { plainMessage } from '../../../model/plain-error.ts';
import { discoverServers } from './discover.ts';
import type { Probe, SeenImage, SeenInterface } from './first-config.ts';

/** For how long DHCP servers are waited for, milliseconds: some look first whether an address is free. */
const WAIT_MS = 3000;

/** Roots by the names that builds and scripts/build-image.sh give them, the first that is there; `*` ends a name. */
const ROOTS: readonly (readonly [file: string, method: string])[] = [
  ['root.oci', 'bootc-live'],
  ['rootfs.erofs', 'image'],
  ['rootfs.squashfs', 'image'],
  ['rootfs.tar*', 'container-root'],
];

/** The interfaces of this machine that have an IPv4 address for others. */
export function seenInterfaces(
  all: ReturnType<typeof networkInterfaces> = networkInterfaces(),
): readonly SeenInterface[] {
  return Object.entries(all).flatMap(([name, list = []]) => {
    const found = list.find(({ family, internal }) => family === 'IPv4' && !internal);
    return found ? [{ name, address: found.address, mac: found.mac }] : [];
  });
}

/** The image that a folder's files make; undefined where one is missing. @param folder its name below the artifacts */
export function imageOf(folder: string, files: readonly string[]): SeenImage | undefined {
  const initrd = ['initrd.img', 'initrd'].find((name) => files.includes(name));
  if (!files.includes('vmlinuz') || initrd === undefined) return undefined;
  for (const [wanted, method] of ROOTS) {
    const file = files.find((name) => (wanted.endsWith('*') ? name.startsWith(wanted.slice(0, -1)) : name === wanted));
    if (file === undefined) continue;
    const path = (name: string) => `${folder}/${name}`;
    return { kernel: path('vmlinuz'), initrd: path(initrd), root: { method, source: path(file) } };
  }
  return undefined;
}

/** The images below an artifacts folder by name, those that were built first. None where there is no folder. */
export async function seenImages(artifacts: string): Promise<Readonly<Record<string, SeenImage>>> {
  const built = await listImages(storePaths(artifacts)).catch(() => []);
  const images: Record<string, SeenImage> = Object.fromEntries(built.map(({ name }) => [name, { build: name }]));
  for (const entry of await readdir(artifacts, { withFileTypes: true }).catch(() => [])) {
    if (!entry.isDirectory() || !isBuildName(entry.name) || images[entry.name]) continue;
    const image = imageOf(entry.name, await readdir(join(artifacts, entry.name)).catch(() => []));
    if (image) images[entry.name] = image;
  }
  return images;
}

/** Asks the networks of these interfaces for their DHCP servers, one after the other. */
export async function probeNetworks(interfaces: readonly SeenInterface[]): Promise<Probe> {
  try {
    const servers = [];
    for (const each of interfaces) servers.push(...(await discoverServers(each, WAIT_MS)));
    return { servers };
  } catch (error) {
    return { failed: plainMessage(error) };
  }
}
