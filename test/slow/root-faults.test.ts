import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, onTestFailed, test } from 'vitest';
import { buildImage, IMAGES, imageYaml, LAB_ARGS, LAB_METHODS, type LabMethod } from '../support/images.ts';
import { createLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import { type NetworkMachine, powerOn } from '../support/machine.ts';
import type { Running } from '../support/process.ts';

// What goes wrong while a root is made: it ends in a boot, or in a message that says what and what to do.

/** Seconds after which a boot counts as hung. */
const HUNG = 600;
const LOGS = join(TOP, 'build/logs');

const MACS = Object.fromEntries(LAB_METHODS.map((method, i) => [method, `52:54:00:00:04:0${i}`]));

const CONFIG = `
server: { interface: eth0 }
artifacts: ${IMAGES}
images:${LAB_METHODS.map((method) => imageYaml('bookworm', method)).join('')}
  busy:
    kernel: bookworm/vmlinuz
    initrd: bookworm/initrd.img
    root: { method: image, source: "http://${SERVER_ADDRESS}:8081/rootfs.squashfs" }
    args: ${LAB_ARGS}
  cut:
    kernel: bookworm/vmlinuz
    initrd: bookworm/initrd.img
    root: { method: image, source: "http://${SERVER_ADDRESS}:8081/cut" }
    args: ${LAB_ARGS}
nodes:
${LAB_METHODS.map((method) => `  ${method}: { mac: "${MACS[method]}", image: bookworm-${method} }`).join('\n')}
  small: { mac: 52:54:00:00:04:11, image: bookworm-bootc-live, args: [rd.tmpfs.size=100M] }
  needy: { mac: 52:54:00:00:04:14, image: bookworm-image, args: [slipway.memory=5000] }
  busy: { mac: 52:54:00:00:04:12, image: busy }
  cut: { mac: 52:54:00:00:04:13, image: cut }
`;

let lab: Lab;
let daemon: Running;
let machine: NetworkMachine | undefined;

beforeAll(async () => {
  await mkdir(LOGS, { recursive: true });
  await buildImage('bookworm');
});
beforeEach(async () => {
  lab = await createLab(CONFIG);
  daemon = await lab.serve();
});
afterEach(async () => {
  await machine?.off();
  machine = undefined;
  await lab.destroy();
});

async function boot(name: string, mac: string, memory = 1024): Promise<NetworkMachine> {
  const log = join(LOGS, `fault-${name}.log`);
  machine = await powerOn(lab.network, { firmware: 'bios', mac, memory, log });
  onTestFailed(() => console.log(`${log} ends with:\n${machine?.console.output.slice(-3000)}`));
  return machine;
}

const booted = (each: NetworkMachine) => each.console.until(/SLIPWAY-REPORT end/, HUNG);
/** The first of the lines that tell how far the download is. */
const downloading = (each: NetworkMachine) => each.console.until(/slipway: \d+ [kM]B of \d+ MB/, HUNG);
const refused = async (each: NetworkMachine, failed: RegExp, todo: RegExp) => {
  await each.console.until(new RegExp(`What failed: +${failed.source}`), HUNG);
  await each.console.until(new RegExp(`What to do: +${todo.source}`), HUNG);
  expect(each.console.output).not.toContain('SLIPWAY-REPORT');
};

describe.each(LAB_METHODS)('%s', (method: LabMethod) => {
  const mac = MACS[method] ?? '';

  test('boots although the server is restarted in the middle of the download', async () => {
    const node = await boot(`restart-${method}`, mac);
    await downloading(node);
    await daemon.stop('SIGKILL');
    await node.console.until(/try 1 of 8 failed: .*next try in 1 s, \d+ [kM]B are kept/, HUNG);
    daemon = await lab.serve();
    await booted(node);
  });

  test('boots although the link is lost for 20 seconds in the middle of the download', async () => {
    const node = await boot(`link-${method}`, mac);
    await downloading(node);
    await node.link('down');
    await new Promise((resolve) => setTimeout(resolve, 20_000));
    await node.link('up');
    await booted(node);
  });
});

test('boots although one packet in twenty is lost', async () => {
  await lab.network.lose('server', 'tcp', 5);
  await booted(await boot('loss', MACS.image ?? ''));
});

test('a root that does not fit into rd.tmpfs.size ends in a message', async () => {
  await refused(
    await boot('full', '52:54:00:00:04:11'),
    /the root file system does not fit into its memory \(100 MB\)/,
    /Give the machine more memory, or rd.tmpfs.size=/,
  );
});

test('a machine with too little memory says so', async () => {
  await refused(
    await boot('memory', MACS['bootc-live'] ?? '', 352),
    /the root file system does not fit into its memory/,
    /Give the machine more memory/,
  );
});

test('a root that needs more memory than is free is not fetched', async () => {
  await refused(
    await boot('needy', '52:54:00:00:04:14'),
    /the root file system does not fit into its memory \(it needs 5000 MB, and \d+ MB are free\)/,
    /Give the machine more memory, or choose a root method that needs less/,
  );
  expect(daemon.output).not.toMatch(/"path":"\/blobs\/sha256\/[0-9a-f]{64}\/rootfs/);
});

describe('another server', () => {
  /** A server on port 8081 that behaves as told, as a program of its own in the lab's network. */
  async function serve(script: string): Promise<void> {
    const file = join(lab.folder, 'other.mjs');
    await writeFile(
      file,
      `import { createServer } from 'node:http'; import { readFileSync } from 'node:fs';
       const file = readFileSync('${join(IMAGES, 'bookworm/rootfs.squashfs')}'); let n = 0;
       createServer((request, response) => { n++; ${script} }).listen(8081, () => console.log('listening'));`,
    );
    await lab.network.start('server', process.execPath, [file]).until(/listening/);
  }

  test('that is busy is given the time that it asks for', async () => {
    await serve("if (n < 3) response.writeHead(503, { 'retry-after': '7' }).end(); else response.end(file);");
    const node = await boot('busy', '52:54:00:00:04:12');
    await node.console.until(/try 1 of 8 failed: .*503; next try in 7 s/, HUNG);
    await booted(node);
  });

  test('whose file is cut short boots nothing', async () => {
    await serve(
      "response.setHeader('content-length', file.length / 2); response.end(file.subarray(0, file.length / 2));",
    );
    await refused(await boot('cut', '52:54:00:00:04:13'), /the squashfs image cannot be mounted/, /Check that/);
  });
});
