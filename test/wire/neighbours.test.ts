import { afterAll, beforeAll, expect, test } from 'vitest';
import type { MachineStatus } from '../../src/model/fleet/status.ts';
import { aPacket } from '../support/dhcp.ts';
import { shoot } from '../support/dhcp-lab.ts';
import { createServingLab, type Lab, SERVER_ADDRESS } from '../support/lab.ts';

const MAC = '52:54:00:00:00:01';
const CONFIG = `
server: { interface: eth0, http: { workers: 1 } }
images: { debian: { kernel: k, initrd: i } }
nodes: { n001: { mac: "${MAC}", image: debian } }
`;

let lab: Lab;

beforeAll(async () => {
  ({ lab } = await createServingLab(CONFIG, { k: Buffer.alloc(1000, 'k'), i: Buffer.alloc(1000, 'i') }));
  await lab.network.must('client', 'ip', ['link', 'set', 'eth0', 'address', MAC]);
  await lab.network.must('client', 'ip', ['route', 'add', 'default', 'dev', 'eth0']);
});
afterAll(() => lab?.destroy());

const status = async (): Promise<readonly MachineStatus[]> =>
  JSON.parse(
    await lab.network.must('server', process.execPath, [
      ...['dist/cli.js', 'status', '--json', '--config', lab.configFile],
    ]),
  );

test('the downloads of a machine count for it though its request for a lease was not heard', async () => {
  const client = shoot(lab.network, 'client', 68, [{ packet: aPacket({}, { flags: 0x8000 }) }]);
  await client.until(/192\.0\.2\.10:67/);
  await client.stop();
  expect(await status()).toMatchObject([{ mac: MAC, stage: 'dhcp' }]);
  await lab.network.must('client', 'curl', ['-sS', '-o', '/dev/null', `tftp://${SERVER_ADDRESS}/snponly.efi`]);
  await expect.poll(status, { timeout: 60_000 }).toMatchObject([{ mac: MAC, node: 'n001', stage: 'boot-file' }]);
  const boot = await lab.network.must('server', process.execPath, [
    ...['dist/cli.js', 'logs', 'n001', '--config', lab.configFile],
  ]);
  expect(boot).toMatch(/boot-file .*has snponly\.efi/);
});
