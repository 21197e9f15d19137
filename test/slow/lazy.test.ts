import { createHash } from 'node:crypto';
import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { openStore } from '../../src/artifacts/store/store.ts';
import { buildImage, IMAGES, LAB_ARGS, type Suite } from '../support/images.ts';
import { createLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import { buildReader } from '../support/lazy-image.ts';
import { type Machine, powerOn } from '../support/machine.ts';
import type { Running } from '../support/process.ts';

// Roots that are read on demand: whole boots, and what goes wrong while a system runs from one. QEMU starts the kernel
// itself, with the kernel line of the machine's script.

/** Seconds after which a boot counts as hung. */
const HUNG = 800;
const LOGS = join(TOP, 'build/logs');
const MAC = '52:54:00:00:00:01';

describe.each(['bookworm', 'trixie'] as const)('%s', (suite: Suite) => {
  let lab: Lab;
  let daemon: Running;
  let machine: Machine | undefined;

  beforeAll(async () => {
    await mkdir(LOGS, { recursive: true });
    await buildImage(suite);
    await buildReader(suite);
  });
  beforeEach(async () => {
    lab = await createLab('');
  });
  afterEach(async () => {
    await machine?.off();
    machine = undefined;
    await lab.destroy();
  });
  afterAll(() => rm(join(IMAGES, suite, 'damaged.squashfs'), { force: true }));

  async function boot(image: string, log: string): Promise<Running> {
    await writeFile(
      lab.configFile,
      `
server: { interface: eth0, tftp: false, dhcp: false }
artifacts: ${IMAGES}
images:
  debian:
    kernel: ${suite}/vmlinuz
    initrd: ${suite}/initrd.img
    root: { method: lazy, source: ${suite}/${image} }
    args: ${LAB_ARGS}
nodes:
  n001: { mac: "${MAC}", image: debian }
`,
    );
    daemon = await lab.serve();
    const url = `http://${SERVER_ADDRESS}:8080/ipxe/52-54-00-00-00-01`;
    const script = await lab.network.must('client', 'curl', ['-sSf', url]);
    const [, append = ''] = script.match(/^kernel \S+ \S+ \S+ (.*) \|\| goto failed$/m) ?? [];
    const files = { kernel: join(IMAGES, suite, 'vmlinuz'), initrd: join(IMAGES, suite, 'initrd.img') };
    const file = join(LOGS, `lazy-${suite}-${log}.log`);
    machine = await powerOn(lab.network, { firmware: { ...files, append }, mac: MAC, memory: 512, log: file });
    return machine.console;
  }

  test('boots before the image is there, and reads on after the server was killed and after a link that was lost', async () => {
    const console = await boot('rootfs-reader.squashfs', 'faults');
    await console.until(/SLIPWAY-REPORT end/, HUNG);
    expect(console.output).toMatch(/SLIPWAY-REPORT rootfs=overlay/);
    expect(console.output).toMatch(/SLIPWAY-REPORT failed=\s*$/m);
    // Two rounds that begin after what happened before them.
    const reads = () => [...console.output.matchAll(/SLIPWAY-READ \d+ ([0-9a-f]{64})(.*)\r?$/gm)];
    const readOn = async () => {
      const next = reads().length + 2;
      await console.until(new RegExp(`SLIPWAY-READ ${next} `), HUNG);
    };
    await readOn();
    await daemon.stop('SIGKILL');
    await console.until(/the connection to \S+ port 10809 is lost: reads of the root wait/, HUNG);
    daemon = await lab.serve();
    await console.until(/connected to \S+ port 10809 again/, HUNG);
    await readOn();
    const port = await lab.network.must('switch', 'sh', ['-c', 'ls -d /sys/class/net/tap*']);
    const tap = port.trim().split('/').pop() ?? '';
    await lab.network.must('switch', 'ip', ['link', 'set', tap, 'down']);
    await delay(20_000);
    await lab.network.must('switch', 'ip', ['link', 'set', tap, 'up']);
    await readOn();
    expect(new Set(reads().map(([, digest, more]) => `${digest}${more?.trim()}`)).size).toBe(1);
    // The dead connection's own errors are the kernel's to log; none may reach the file system.
    expect(console.output).not.toMatch(/I\/O error, dev (?!nbd)|SQUASHFS error/);
  });

  test('a block that is not what the script announced is not booted: the console shows both digests', async () => {
    const image = join(IMAGES, suite, 'rootfs-reader.squashfs');
    const damaged = join(IMAGES, suite, 'damaged.squashfs');
    await copyFile(image, damaged);
    const bytes = await readFile(damaged);
    const expected = createHash('sha256').update(bytes.subarray(0, 4096)).digest('hex');
    bytes[100] = (bytes[100] ?? 0) ^ 1;
    const got = createHash('sha256').update(bytes.subarray(0, 4096)).digest('hex');
    await writeFile(damaged, bytes);
    // As if the disk had lost a bit after the tree was made.
    const store = await openStore({
      root: IMAGES,
      record: () => {},
      now: Date.now,
      monotonic: () => performance.now(),
      settleMs: 0,
    });
    const [good, bad] = await Promise.all(
      [`${suite}/rootfs-reader.squashfs`, `${suite}/damaged.squashfs`].map(store.pin),
    );
    if (!good?.ok || !bad?.ok) throw new Error('no images');
    const tree = await store.trees.get(good.pin.digest);
    if (!tree.ok) throw new Error(tree.why);
    await writeFile(
      join(IMAGES, '.slipway/verity', bad.pin.digest),
      Buffer.concat([tree.bytes, Buffer.from(tree.rootHash, 'hex')]),
    );
    await store.close();
    const console = await boot('damaged.squashfs', 'damaged');
    await console.until(new RegExp(`block 0 has the wrong SHA-256 digest: expected ${expected}, got ${got}`), HUNG);
    await console.until(/What to do: /, HUNG);
    expect(console.output).not.toContain('SLIPWAY-REPORT');
  });
});
