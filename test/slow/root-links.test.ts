import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ociArchive } from '../dracut-modules/archives.ts';
import { reportProgram } from '../support/debian-image.ts';
import { makeTar } from '../support/image-layers.ts';
import { buildImage, IMAGES, LAB_KERNEL_ARGS, type Suite } from '../support/images.ts';
import { createLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import { powerOn } from '../support/machine.ts';
import { must } from '../support/process.ts';
import { reportOf } from '../support/roots.ts';

// What an image's links may do to the initrd that unpacks it: nothing.

/** Seconds after which a boot counts as hung. */
const HUNG = 600;
const LOGS = join(TOP, 'build/logs');
const WRONG = 'd'.repeat(64);

/** What looks at the tree below what the running system mounts over it. */
const REPORT = reportProgram(`mount --bind / /mnt
report "image=$(cat /mnt/run/slipway-mark/file)"
report "initrd=$(cat /run/slipway-mark/file 2>&1)"
report "hidden=$(ls /usr/bin/whoami 2>&1)"`);

/** A layer that writes and hides below Debian's links /var/run, /bin and /lib. */
const LINKS = makeTar([
  { name: 'var/run/slipway-mark', type: 'directory' },
  { name: 'var/run/slipway-mark/file', content: 'below' },
  { name: 'bin/.wh.whoami' },
  REPORT,
]);

/** An image that puts a sha256sum in place of the one that is to check it. */
const ATTACK = ociArchive([
  [{ name: 'out', link: '/' }],
  [{ name: 'out/usr/bin/sha256sum', content: `#!/bin/sh\ncat > /dev/null\necho '${WRONG}  -'\n`, mode: 0o755 }],
]);

let lab: Lab;

beforeAll(async () => {
  await mkdir(LOGS, { recursive: true });
  lab = await createLab('server: { interface: eth0 }\nartifacts: .\nnodes: {}\n');
  await writeFile(join(lab.folder, 'attack.oci'), ATTACK);
  const program = join(lab.folder, 'server.mjs');
  await writeFile(
    program,
    `import { createServer } from 'node:http'; import { readFileSync } from 'node:fs';
     createServer((request, response) => response.end(readFileSync('${lab.folder}' + request.url)))
       .listen(8081, () => console.log('listening'));`,
  );
  await lab.network.start('server', process.execPath, [program]).until(/listening/);
});
afterAll(() => lab?.destroy());

describe.each<Suite>(['bookworm', 'trixie'])('%s', (suite) => {
  beforeAll(async () => {
    await buildImage(suite);
    const layout = join(lab.folder, suite);
    await writeFile(`${layout}.tar`, LINKS);
    await must('skopeo', ['copy', `oci-archive:${join(IMAGES, suite, 'root.oci')}:latest`, `oci:${layout}:latest`]);
    await must('umoci', ['raw', 'add-layer', '--image', `${layout}:latest`, `${layout}.tar`]);
    await must('skopeo', ['copy', `oci:${layout}:latest`, `oci-archive:${layout}.oci:latest`]);
  });

  /** Boots from a file of the server. */
  async function boot(name: string, root: string, sha256: string) {
    const args = ['ip=dhcp', 'rd.neednet=1', root, `slipway.sha256=${sha256}`];
    const append = [...LAB_KERNEL_ARGS, ...args].join(' ');
    const kernel = { kernel: join(IMAGES, suite, 'vmlinuz'), initrd: join(IMAGES, suite, 'initrd.img'), append };
    const log = join(LOGS, `links-${suite}-${name}.log`);
    const machine = await powerOn(lab.network, { firmware: kernel, mac: '52:54:00:00:06:01', memory: 1280, log });
    try {
      await machine.console.until(/SLIPWAY-REPORT end|Kernel line:/, HUNG);
      return machine.console.output;
    } finally {
      await machine.off();
    }
  }
  const url = (file: string) => `http://${SERVER_ADDRESS}:8081/${file}`;

  test("a layer that writes below /var/run writes into the image's /run", async () => {
    const bytes = await readFile(join(lab.folder, `${suite}.oci`));
    const digest = createHash('sha256').update(bytes).digest('hex');
    const console = await boot('run', `root=bootc-live:${url(`${suite}.oci`)}`, digest);
    expect(reportOf(console)).toMatchObject({
      image: 'below',
      initrd: expect.stringContaining('No such file'),
      hidden: expect.stringContaining('No such file'),
    });
  });

  test.each([
    ['bootc-live', `root=bootc-live:${url('attack.oci')}`],
    ['container-root', `root=tmpfs rd.container.rootfs=${url('attack.oci')}`],
  ])('an image with a sha256sum of its own is refused by %s, at the second try too', async (method, root) => {
    const console = await boot(`attack-${method}`, root, WRONG);
    const got = createHash('sha256').update(ATTACK).digest('hex');
    // Once when it is tried again, once when that is given up.
    expect(console.match(new RegExp(`expected ${WRONG}, got ${got}`, 'g'))?.length).toBeGreaterThanOrEqual(2);
    expect(console).toContain('This machine has no root file system');
  });
});
