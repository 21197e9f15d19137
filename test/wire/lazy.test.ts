import { createHash } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLab, type Lab, SERVER_ADDRESS } from '../support/lab.ts';
import type { Running } from '../support/process.ts';

// Roots that are read on demand, with QEMU's NBD client as peer.

const MAC = '52:54:00:00:00:01';
const URL_OF = `http://${SERVER_ADDRESS}:8080`;
const CONFIG = `
server: { interface: eth0, tftp: false, dhcp: false }
artifacts: ./artifacts
images:
  debian: { kernel: vmlinuz, root: { method: lazy, source: root.squashfs } }
nodes:
  n001: { mac: "${MAC}", image: debian }
`;

let lab: Lab;
let running: Running[];

beforeEach(async () => {
  lab = await createLab(CONFIG);
  running = [];
  await mkdir(join(lab.folder, 'artifacts'));
  await put('vmlinuz', Buffer.from('a kernel'));
});
afterEach(async () => {
  for (const each of running) await each.stop('SIGKILL');
  await lab.destroy();
});

async function put(name: string, content: Uint8Array): Promise<void> {
  const path = join(lab.folder, 'artifacts', name);
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}

async function serve(): Promise<Running> {
  const daemon = await lab.serve();
  running.push(daemon);
  return daemon;
}

/** What the machine's script says of its root. */
async function announced() {
  const script = await lab.network.must('client', 'curl', ['-sSf', `${URL_OF}/ipxe/52-54-00-00-00-01`]);
  const [, place = '', digest = ''] = script.match(/ root=slipway\+nbd:([0-9.:]+)\/([0-9a-f]{64}) /) ?? [];
  const [, rootHash = '', blocks = ''] = script.match(/ slipway\.verity=([0-9a-f]{64}):(\d+) /) ?? [];
  return { url: `nbd://${place}/${digest}`, digest, rootHash, blocks: Number(blocks) };
}

/** QEMU with an export as its disk, told what to do by its monitor. */
async function qemu(url: string, ...commands: readonly string[]): Promise<string> {
  const drive = `if=none,id=d0,format=raw,readonly=on,file=${url}`;
  const args = ['-M', 'none', '-nodefaults', '-display', 'none', '-monitor', 'stdio', '-drive', drive];
  const input = [...commands, 'quit', ''].join('\n');
  const { stdout, stderr } = await lab.network.run('client', 'qemu-system-x86_64', args, { input });
  return stdout + stderr;
}

/** An image of blocks that each have one byte throughout, so that QEMU can check what it reads. */
const striped = (blocks: number, first: number): Buffer =>
  Buffer.concat(Array.from({ length: blocks }, (_, i) => Buffer.alloc(4096, first + i)));

/** Has QEMU read blocks of an export and compare them; gives what is wrong with each. */
async function misread(url: string, blocks: number, first: number): Promise<readonly string[]> {
  const commands = Array.from({ length: blocks }, (_, i) => `qemu-io d0 "read -P ${first + i} ${i * 4096} 4096"`);
  const said = await qemu(url, ...commands);
  const read = [...said.matchAll(/^read 4096\/4096 bytes at offset \d+/gm)].length;
  return [
    ...(said.match(/.*(?:failed|error).*/gi) ?? []),
    ...(read === blocks ? [] : [`${read} blocks read\n${said}`]),
  ];
}

test('QEMU reads the image that the script names, in whole blocks', async () => {
  const image = Buffer.concat([striped(20, 1), Buffer.from('the last block is short')]);
  await put('root.squashfs', image);
  await serve();
  const { url, digest, blocks } = await announced();
  expect([digest, blocks]).toEqual([createHash('sha256').update(image).digest('hex'), 21]);
  expect(await misread(url, 20, 1)).toEqual([]);
  expect(await misread(url, 20, 2)).not.toEqual([]);
  // What the image lacks of its last block is zero, and one block of hashes follows.
  const more = await qemu(url, 'qemu-io d0 "read -P 0 82432 3584"', 'qemu-io d0 "read 86016 4096"');
  expect(more).not.toMatch(/failed/);
});

test('a version that was replaced is served on, after the server was killed too', async () => {
  await put('root.squashfs', striped(5, 10));
  const daemon = await serve();
  const before = await announced();
  await put('root.squashfs', striped(5, 20));
  await expect.poll(async () => (await announced()).digest, { timeout: 30_000 }).not.toBe(before.digest);
  expect(await misread(before.url, 5, 10)).toEqual([]);
  await daemon.stop('SIGKILL');
  await serve();
  expect(await misread(before.url, 5, 10)).toEqual([]);
  expect(await misread((await announced()).url, 5, 20)).toEqual([]);
});

test('an export cannot be written to, and one that does not exist is refused', async () => {
  await put('root.squashfs', striped(5, 1));
  await serve();
  const { url, digest } = await announced();
  expect(await qemu(url.replace(digest, '0'.repeat(64)), 'info block')).toMatch(/export.*not|no such export/i);
  expect(await qemu(url, 'qemu-io d0 "write 0 4096"')).toMatch(/read-only|not permitted/i);
});

test('the port is open while an image is read on demand, and only then', async () => {
  await put('root.squashfs', striped(5, 1));
  const daemon = await serve();
  expect(daemon.output).toContain(`nbd ${SERVER_ADDRESS}:10809`);
  await writeFile(lab.configFile, CONFIG.replace('method: lazy', 'method: live'));
  await daemon.until(/nbd is off/);
  await writeFile(lab.configFile, CONFIG.replace('tftp: false', 'tftp: false, nbd: { port: 10810 }'));
  await daemon.until(/nbd listens on 192\.0\.2\.10:10810/);
  expect((await announced()).url).toContain(':10810/');
});
