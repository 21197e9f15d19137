import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buildImage, IMAGES, LAB_ARGS, LAB_KERNEL_ARGS } from '../support/images.ts';
import { createLab, type Lab, SERVER_ADDRESS } from '../support/lab.ts';
import { powerOn } from '../support/machine.ts';
import type { Row } from './table.ts';

/** What a machine is given in steps, and with which it counts as unable to boot at all, MiB. */
const STEP = 32;
/** The steps up from what turned out to be too little. */
const STRIDE = 128;
const ENOUGH = 2048;
/** Seconds after which a boot counts as failed: with too little memory a system may well crawl for ever. */
const HUNG = 480;
const FOLDER = join(IMAGES, 'bookworm');
const SQUASHFS = join(FOLDER, 'rootfs.squashfs');
/** A folder with an ancestor's initrds, `bootc-live.img`, with the lab image's kernel. */
const SEEDS = process.env.BENCH_SEED_INITRDS;

interface Way {
  readonly name: string;
  /** The YAML of `root:`, or the arguments of a root that the daemon does not serve. */
  readonly root: string | { readonly args: string; readonly disk?: string };
  /** The ancestor's initrd that reads it, below {@link SEEDS}. */
  readonly seed?: string;
  /** Where the search begins, MiB: what it took once. */
  readonly first: number;
  /** The most that it may take, MiB, by what the ways above took (NaN: not measured) and the squashfs image's size. */
  readonly limit?: (took: ReadonlyMap<string, number>, size: number) => number;
}

const BASE = 'a disk: what kernel, initrd and userspace need';
const SEED = "bootc-live by its ancestor's modules";

const oci = 'bookworm/root.oci';

const WAYS: readonly Way[] = [
  { name: BASE, root: { args: 'root=/dev/vda rootfstype=squashfs ro', disk: SQUASHFS }, first: 192 },
  {
    ...{ name: 'lazy, squashfs', root: '{ method: lazy, source: bookworm/rootfs.squashfs }', first: 192 },
    limit: (took, size) => (took.get(BASE) ?? Number.NaN) + size,
  },
  {
    ...{ name: 'image, squashfs', root: '{ method: image, source: bookworm/rootfs.squashfs }', first: 256 },
    limit: (took, size) => (took.get(BASE) ?? Number.NaN) + 1.3 * size,
  },
  {
    ...{ name: SEED, seed: 'bootc-live', first: 736 },
    root: {
      args: `root=bootc-live:http://${SERVER_ADDRESS}:8080/artifacts/${oci} rw bootc.quiet rd.neednet=1 ip=dhcp`,
    },
  },
  {
    ...{ name: 'bootc-live', root: `{ method: bootc-live, source: ${oci}, rw: true }`, first: 416 },
    limit: (took) => 0.6 * (took.get(SEED) ?? Number.NaN),
  },
  { name: 'bootc-live, zram', root: `{ method: bootc-live, source: ${oci}, rw: true, zram: 1G }`, first: 256 },
  { name: 'container-root, tar.xz', root: '{ method: container-root, source: bookworm/rootfs.tar.xz }', first: 416 },
  { name: 'live, squashfs', root: '{ method: live, source: bookworm/rootfs.squashfs }', first: 256 },
];

const mac = (i: number) => `52:54:00:00:05:0${i}`;

const CONFIG = `
server: { interface: eth0 }
artifacts: ${IMAGES}
images:
${WAYS.map(({ root }, i) => (typeof root === 'string' ? `  w${i}: { kernel: bookworm/vmlinuz, initrd: bookworm/initrd.img, root: ${root}, args: ${LAB_ARGS} }` : '')).join('\n')}
nodes:
${WAYS.map(({ root }, i) => (typeof root === 'string' ? `  n${i}: { mac: "${mac(i)}", image: w${i} }` : '')).join('\n')}
`;

/** The kernel line that the daemon's script has for a machine. */
export async function servedLine(lab: Lab, address: string): Promise<string> {
  const script = await lab.network.must('client', 'curl', [
    // Only iPXE gets the token of the boot.
    ...['-sS', '--fail', '-A', 'iPXE/1.21.1'],
    `http://${SERVER_ADDRESS}:8080/ipxe/${address}`,
  ]);
  const line = /^kernel --name vmlinuz \S+ (.*) \|\| goto failed$/m.exec(script)?.[1];
  if (line === undefined) throw new Error(`the script of ${address} has no kernel line`);
  return line;
}

/**
 * The smallest memory with which something works, MiB.
 * @param first where the search begins, MiB: what it took once
 * @throws if it works with none that is tried
 */
export async function leastMemory(first: number, works: (memory: number) => Promise<boolean>): Promise<number> {
  let [failed, enough] = [0, first];
  while (!(await works(enough))) {
    if (enough >= ENOUGH) throw new Error(`it does not work with ${enough} MB either`);
    failed = enough;
    enough += STRIDE;
  }
  while (enough - failed > STEP) {
    // It begins at what it took once: a step below that is nearly always too little.
    const memory = failed === 0 ? enough - STEP : STEP * Math.floor((failed + enough) / 2 / STEP);
    if (await works(memory)) enough = memory;
    else failed = memory;
  }
  return enough;
}

/**
 * The smallest memory with which a machine boots, MiB.
 * @throws if it boots with none that is tried
 */
async function leastOf(lab: Lab, i: number, { root, seed, first }: Way): Promise<number> {
  const served = typeof root === 'string';
  const line = served ? await servedLine(lab, mac(i)) : [root.args, ...LAB_KERNEL_ARGS].join(' ');
  const initrd = seed === undefined ? join(FOLDER, 'initrd.img') : join(SEEDS ?? '', `${seed}.img`);
  const boots = async (memory: number) => {
    const machine = await powerOn(lab.network, {
      firmware: {
        kernel: join(FOLDER, 'vmlinuz'),
        initrd,
        append: `${line} panic=1 slipway.on_failure=reboot rd.shell=0 rd.emergency=reboot`,
      },
      ...{ mac: mac(i), memory },
      ...(!served && root.disk !== undefined ? { disk: root.disk } : {}),
    });
    // Out of memory or without a root, the machine reboots, which ends it here, or halts.
    const booted = await machine.console.until(/SLIPWAY-REPORT end|System halted|Kernel panic/, HUNG).then(
      ([said]) => said === 'SLIPWAY-REPORT end',
      () => false,
    );
    await machine.off();
    return booted;
  };
  return leastMemory(first, boots);
}

/** The least memory with which the lab's image boots, by root method, beside an ancestor's own module. */
export async function benchLeastMemory(print: (row: Row) => void): Promise<void> {
  await buildImage('bookworm');
  const size = (await stat(SQUASHFS)).size / 2 ** 20;
  const took = new Map<string, number>();
  const lab = await createLab(CONFIG);
  try {
    await lab.serve();
    for (const [i, way] of WAYS.entries()) {
      const work = `least memory, Debian 12, ${way.name}`;
      if (way.seed !== undefined && SEEDS === undefined) {
        print({ work, target: '', figure: 'not measured: BENCH_SEED_INITRDS names no folder', holds: undefined });
        continue;
      }
      const found = await leastOf(lab, i, way);
      took.set(way.name, found);
      const limit = way.limit?.(took, size) ?? Number.NaN;
      const judged = Number.isNaN(limit)
        ? { target: '', holds: undefined }
        : { target: `<= ${limit.toFixed(0)} MB`, holds: found <= limit };
      print({ work, figure: `${found} MB`, ...judged });
    }
  } finally {
    await lab.destroy();
  }
}
