import type { Suite } from './images.ts';
import { SERVER_ADDRESS } from './lab.ts';

/** Where the lab's registry listens, on the server's host. */
export const REGISTRY = `${SERVER_ADDRESS}:5000`;

/** What a booted system says of itself on its console, by key. */
export type Report = Readonly<Record<string, string>>;

/** One way to boot, and what must be true of the system that comes of it. */
export interface RootRow {
  readonly name: string;
  /** The YAML of `root:`. */
  readonly root: (suite: Suite) => string;
  /** What the report must have: key and pattern. */
  readonly expected: Readonly<Record<string, RegExp>>;
}

const READ_ONLY = { rootfs: /^tmpfs$/, writable: /^\/etc \/var$/ };
const IN_TMPFS = { rootfs: /^tmpfs$/, writable: /^\/ \/etc \/var$/ };
const IN_OVERLAY = { rootfs: /^overlay$/, writable: /^\/ \/etc \/var$/ };

const bootc =
  (options: string, file = 'root.oci') =>
  (suite: Suite) =>
    `{ method: bootc-live, source: ${suite}/${file}, ${options} }`;
const container = (file: string) => (suite: Suite) => `{ method: container-root, source: ${suite}/${file} }`;

/** Every root method with the options that change what happens. */
export const ROOT_ROWS: readonly RootRow[] = [
  { name: 'bootc-live', root: bootc('label: latest'), expected: READ_ONLY },
  {
    name: 'bootc-live, rw, root_flags, size, quiet',
    root: bootc('rw: true, root_flags: noatime, size: 80%, quiet: true'),
    expected: { ...IN_TMPFS, options: /noatime/ },
  },
  {
    name: 'bootc-live, var_rw and etc_rw false',
    root: bootc('var_rw: false, etc_rw: false'),
    expected: { rootfs: /^tmpfs$/, writable: /^$/ },
  },
  {
    name: 'bootc-live, delivery: initrd',
    root: bootc('delivery: initrd'),
    expected: { ...READ_ONLY, cmdline: /root=bootc-live:\/root\.oci/ },
  },
  {
    name: 'bootc-live, erofs',
    root: bootc('erofs: true'),
    expected: { rootfs: /^erofs$/, writable: /^\/etc \/var$/ },
  },
  {
    name: 'bootc-live, zram',
    root: bootc('zram: 1G'),
    expected: { rootfs: /^ext4$/, writable: /^\/etc \/var$/ },
  },
  {
    name: 'bootc-live, registry',
    root: (suite) => `{ method: bootc-live, source: "docker://${REGISTRY}/lab/node:${suite}", unsecure: true }`,
    expected: { ...READ_ONLY, cmdline: /root=bootc-live:docker:/ },
  },
  {
    name: 'bootc-live, kexec',
    root: bootc('kexec: true', 'kexec.oci'),
    expected: { ...READ_ONLY, cmdline: /root=bootc-live:\/root\.oci .*bootc\.kexec=0/ },
  },
  {
    name: 'bootc-live, kexec, reuse_image: false',
    root: bootc('kexec: true, reuse_image: false', 'kexec.oci'),
    expected: { ...READ_ONLY, cmdline: /root=bootc-live:http.*bootc\.kexec=0/ },
  },
  { name: 'container-root, tar.xz', root: container('rootfs.tar.xz'), expected: IN_TMPFS },
  { name: 'container-root, tar.gz', root: container('rootfs.tar.gz'), expected: IN_TMPFS },
  { name: 'container-root, tar.zst', root: container('rootfs.tar.zst'), expected: IN_TMPFS },
  { name: 'container-root, tar', root: container('rootfs.tar'), expected: IN_TMPFS },
  { name: 'container-root, OCI archive', root: container('root.oci'), expected: IN_TMPFS },
  {
    name: 'live, squashfs',
    root: (suite) => `{ method: live, source: ${suite}/rootfs.squashfs }`,
    expected: { ...IN_OVERLAY, cmdline: /root=live:http/ },
  },
  {
    name: 'live, EROFS',
    root: (suite) => `{ method: live, source: ${suite}/rootfs.erofs }`,
    expected: IN_OVERLAY,
  },
  {
    name: 'live, readonly, ram',
    root: (suite) => `{ method: live, source: ${suite}/rootfs.squashfs, readonly: true, ram: true }`,
    expected: IN_OVERLAY,
  },
  {
    name: 'image, squashfs',
    root: (suite) => `{ method: image, source: ${suite}/rootfs.squashfs }`,
    expected: { ...IN_OVERLAY, cmdline: /root=slipway:http/ },
  },
  {
    name: 'image, EROFS',
    root: (suite) => `{ method: image, source: ${suite}/rootfs.erofs }`,
    expected: IN_OVERLAY,
  },
  {
    name: 'lazy, squashfs',
    root: (suite) => `{ method: lazy, source: ${suite}/rootfs.squashfs }`,
    expected: { ...IN_OVERLAY, cmdline: /root=slipway\+nbd:/ },
  },
  {
    name: 'lazy, EROFS',
    root: (suite) => `{ method: lazy, source: ${suite}/rootfs.erofs }`,
    expected: IN_OVERLAY,
  },
];

/** The report on a console. */
export function reportOf(console: string): Report {
  const lines = console.matchAll(/SLIPWAY-REPORT ([a-z]+)=(.*?)\r?$/gm);
  return Object.fromEntries([...lines].map(([, key = '', value = '']) => [key, value]));
}
