import { gzipSync } from 'node:zlib';

const gzipped = (text: string) => gzipSync(Buffer.from(text, 'latin1')).toString('latin1');
const K = 'KERNEL'.repeat(100);

interface Case {
  readonly name: string;
  /** The folders of modules. */
  readonly modules: readonly string[];
  /** What is in /boot. */
  readonly files: Readonly<Record<string, string>>;
  /** The name in /boot of what is to boot; none if it is missing. */
  readonly kernel?: string;
}

const beside = (suffix: string): Case => ({
  name: `a kernel beside one ending in ${suffix}`,
  modules: ['6.1.0-18-amd64'],
  files: { 'vmlinuz-6.1.0-18-amd64': K, [`vmlinuz-6.1.0-18-amd64${suffix}`]: K },
  kernel: 'vmlinuz-6.1.0-18-amd64',
});
const variant = (suffix: string): Case => ({
  ...beside(suffix),
  name: `a kernel beside one with modules ending in ${suffix}`,
  modules: ['6.1.0-18-amd64', `6.1.0-18-amd64${suffix}`],
});
const content = (what: string, bytes: string): Case => ({
  name: `${what} of a newer version`,
  modules: ['6.2', '6.1'],
  files: { 'vmlinuz-6.2': bytes, 'vmlinuz-6.1': K },
  kernel: 'vmlinuz-6.1',
});

/** Which kernel is to boot: the builder and the initrd choose by the same rules. */
export const KERNELS: readonly Case[] = [
  ...['.gz', '.old', '.dpkg-tmp', '+debug', '-rc7', '~'].map(beside),
  ...['+debug', '-rt', '-rc7', '.old', '.rpmsave'].map(variant),
  content('gzip', gzipped('\x7fELF'.repeat(1000))),
  content('xz', '\xfd7zXZ\0'),
  content('ELF', `\x7fELF${'\0'.repeat(1000)}`),
  content('tar', `${'\0'.repeat(257)}ustar${'\0'.repeat(300)}`),
  content('EROFS', `${'\0'.repeat(1024)}\xe2\xe1\xf5\xe0${'\0'.repeat(300)}`),
  content('a script', '#!/bin/sh\nexit\n'),
  content('nothing', ''),
  {
    name: 'gzip with a kernel of arm64',
    ...{ modules: ['6.8', '6.1'], kernel: 'vmlinuz-6.8' },
    files: { 'vmlinuz-6.8': gzipped(`${'\0'.repeat(56)}ARM\x64${'x'.repeat(9000)}`), 'vmlinuz-6.1': K },
  },
  {
    name: 'a real one that looks like text',
    ...{ modules: ['6.8'], kernel: 'vmlinuz-6.8' },
    files: { 'vmlinuz-6.8': `MZ${'\n'.repeat(512)}HdrS${'\n'.repeat(99)}` },
  },
  {
    name: 'flavours',
    ...{ modules: ['6.6.58-0-lts'], kernel: 'vmlinuz-lts' },
    files: { 'vmlinuz-lts': K, 'vmlinuz-lts.old': K, 'vmlinuz-virt-old': K },
  },
  {
    name: 'several flavours',
    ...{ modules: ['6.6.58-0-virt', '6.6.57-0-lts'], kernel: 'vmlinuz-virt' },
    files: { 'vmlinuz-lts': K, 'vmlinuz-virt': K },
  },
  { name: 'a name without a version', modules: ['6.1'], files: { vmlinuz: K, 'vmlinuz-old': K }, kernel: 'vmlinuz' },
  { name: 'a flavour of nobody knows which', modules: ['6.1', '6.2'], files: { 'vmlinuz-linux': K } },
  { name: 'a rescue copy', modules: ['6.1'], files: { 'vmlinuz-0-rescue-0123': K, 'vmlinuz-6.2': K } },
  {
    name: 'release candidates',
    ...{ modules: ['6.1-rc7', '6.1-rc10', '6.0'], kernel: 'vmlinuz-6.1-rc10' },
    files: { 'vmlinuz-6.1-rc7': K, 'vmlinuz-6.1-rc10': K, 'vmlinuz-6.0': K },
  },
];
