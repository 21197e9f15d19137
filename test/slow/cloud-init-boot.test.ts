import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { buildImage, IMAGES, LAB_ARGS } from '../support/images.ts';
import { createLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import { type Machine, powerOn } from '../support/machine.ts';
import { must, type Running } from '../support/process.ts';

/** Seconds after which a boot counts as hung. */
const HUNG = 600;
const LOGS = join(TOP, 'build/logs');
/** A Debian 12 with cloud-init, which lies beside the images of the lab. */
const ROOT = join(IMAGES, 'cloud/root.squashfs');
const PACKAGES =
  'systemd-sysv,udev,dbus,cloud-init,iproute2,isc-dhcp-client,openssh-server,ca-certificates,passwd,login';

const CONFIG = `
server: { interface: eth0 }
artifacts: ${IMAGES}
images:
  cloud:
    kernel: bookworm/vmlinuz
    initrd: bookworm/initrd.img
    root: { method: image, source: cloud/root.squashfs }
    args: ${LAB_ARGS}
profiles:
  # The recipe of docs/configuration-of-machines.md.
  metadata:
    args:
      - ci.ds=Ec2
      - ds=ec2
      - "cc:datasource:%20%7BEc2:%20%7Bmetadata_urls:%20[http://${SERVER_ADDRESS}:8080]%7D%7D"
      - end_cc
configuration:
  user_data:
    users:
      - { name: admin, lock_passwd: true, ssh_authorized_keys: [ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKey of-the-lab] }
    write_files: [{ path: /etc/from-slipway, content: !secret env:LAB_SECRET }]
    runcmd:
      - [sh, -c, 'echo "CONFIGURED $(hostname) $(id -un admin) $(cat /etc/from-slipway) $(cut -d" " -f3 ~admin/.ssh/authorized_keys) $(grep -o -e NoCloud -e Ec2 /var/lib/cloud/instance/datasource | head -n 1)" > /dev/ttyS0']
nodes:
  fetches: { mac: 52:54:00:00:0b:01, image: cloud }
  placed: { mac: 52:54:00:00:0b:02, image: cloud, configuration: { place: initrd } }
  asks: { mac: 52:54:00:00:0b:03, image: cloud, profile: metadata }
`;

/** What firmware says on EC2, by which cloud-init knows it. */
const EC2_UUID = 'ec25e3a4-0b03-4000-8000-525400000b03';

let lab: Lab;
let daemon: Running;
let machine: Machine | undefined;

beforeAll(async () => {
  await mkdir(LOGS, { recursive: true });
  await buildImage('bookworm');
  if (!existsSync(ROOT)) {
    await mkdir(join(IMAGES, 'cloud'), { recursive: true });
    const tar = `${ROOT}.tar`;
    await must('mmdebstrap', ['--variant=minbase', `--include=${PACKAGES}`, 'bookworm', tar]);
    await must('sh', ['-c', 'mksquashfs - "$1.new" -tar -quiet -no-progress < "$0"', tar, ROOT]);
    await rename(`${ROOT}.new`, ROOT);
    await rm(tar);
  }
  process.env.LAB_SECRET = 'what-only-it-may-know';
  lab = await createLab(CONFIG);
  daemon = await lab.serve();
});
afterAll(async () => {
  await machine?.off();
  await lab?.destroy();
});

test.each([
  ['fetches', '52:54:00:00:0b:01', 'NoCloud', undefined],
  ['placed', '52:54:00:00:0b:02', 'NoCloud', undefined],
  ['asks for', '52:54:00:00:0b:03', 'Ec2', `type=1,uuid=${EC2_UUID},serial=${EC2_UUID}`],
])('cloud-init of Debian 12 applies what it %s', async (way, mac, source, smbios) => {
  const [node] = way.split(' ');
  await machine?.off();
  const log = join(LOGS, `cloud-init-${node}.log`);
  machine = await powerOn(lab.network, {
    ...{ firmware: 'bios', mac, memory: 1536, log },
    ...(smbios !== undefined && { smbios }),
  });
  onTestFailed(() =>
    console.log(`${log} ends with:\n${machine?.console.output.slice(-4000)}\n${daemon.output.slice(-3000)}`),
  );
  const [, said] = await machine.console.until(/CONFIGURED (.*)\r?\n/, HUNG);
  expect(said?.trim()).toBe(`${node} admin what-only-it-may-know of-the-lab ${source}`);
  expect(daemon.output).not.toContain('what-only-it-may-know');
  expect(daemon.output).not.toMatch(/configuration\/[0-9a-f]{32}/);
});
