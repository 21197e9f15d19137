import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFailed, test } from 'vitest';
import { debianLayout, reportProgram } from '../support/debian-image.ts';
import { type Builder, createBuilder } from '../support/image-builder.ts';
import { LAB_KERNEL_ARGS } from '../support/images.ts';
import { createLab, type Lab, TOP } from '../support/lab.ts';
import { powerOn } from '../support/machine.ts';
import { reportOf } from '../support/roots.ts';

// Debian with its own SELinux policy in force from the first process on: from a labelled image, and from a tree that the
// node labels.

const HUNG = 500;
const LOGS = join(TOP, 'build/logs');
const POLICY = ['selinux-policy-default', 'selinux-utils', 'policycoreutils'];
/** What Debian's policy lacks: an overlay's files are open in the name of who mounted it, which is the kernel in an initrd. */
const RULE = `echo '(allow domain kernel_t (fd (use)))' > "$1/tmp/overlay.cil" && chroot "$1" semodule -i /tmp/overlay.cil`;

const REPORT = `report "enforcing=$(cat /sys/fs/selinux/enforce)"
report "init=$(tr -d '\\0' < /proc/1/attr/current)"
for file in / /usr/bin/passwd /etc/shadow /var/log; do
    report "label=$file $(stat -c %C "$file")"
done
report "failed=$(systemctl --failed --plain --no-legend | cut -d ' ' -f 1 | tr '\\n' ' ')"`;

const SETTINGS = [
  { name: 'etc/selinux/config', content: 'SELINUX=enforcing\nSELINUXTYPE=default\n' },
  reportProgram(REPORT),
];

const ARGS = [...LAB_KERNEL_ARGS, 'security=selinux', 'selinux=1', 'enforcing=1'];
const METHODS = {
  image: '{ method: image }',
  'bootc-live': '{ method: bootc-live, source: "oci:labelled", rw: true }',
};
const MACS = Object.fromEntries(Object.keys(METHODS).map((method, i) => [method, `52:54:00:00:06:0${i}`]));

let builder: Builder;
let folder: string;
let lab: Lab;

beforeAll(async () => {
  await mkdir(LOGS, { recursive: true });
  folder = await mkdtemp(join(tmpdir(), 'slipway-selinux-'));
  await chmod(folder, 0o755);
  builder = await createBuilder();
  const source = await debianLayout('bookworm', join(folder, 'labelled'), SETTINGS, { packages: POLICY, hook: RULE });
  await builder.must(['build', source, '--name', 'labelled', '--root', 'squashfs,oci']);
  lab = await createLab(`
server: { interface: eth0 }
artifacts: ${builder.artifacts}
images:
${Object.entries(METHODS)
  .map(([method, root]) => `  ${method}: { build: labelled, root: ${root}, args: [${ARGS.join(', ')}] }`)
  .join('\n')}
nodes:
${Object.keys(METHODS)
  .map((method) => `  n-${method}: { mac: "${MACS[method]}", image: ${method} }`)
  .join('\n')}
`);
  await lab.serve();
}, 900_000);
afterAll(async () => {
  await lab?.destroy();
  await builder?.destroy();
  await rm(folder, { recursive: true, force: true });
});

test.each(Object.keys(METHODS))('boots enforcing by %s', { timeout: HUNG * 1000 }, async (method) => {
  const log = join(LOGS, `selinux-${method}.log`);
  const machine = await powerOn(lab.network, { firmware: 'bios', mac: MACS[method] ?? '', memory: 1536, log });
  onTestFailed(() => console.log(`${log} ends with:\n${machine.console.output.slice(-3000)}`));
  try {
    await machine.console.until(/SLIPWAY-REPORT end|This machine has no root|Freezing execution/, HUNG);
    expect(reportOf(machine.console.output)).toMatchObject({ os: '12', enforcing: '1', failed: '' });
    for (const label of ['/ system_u:object_r:root_t:s0', '/etc/shadow system_u:object_r:shadow_t:s0']) {
      expect(machine.console.output).toContain(`SLIPWAY-REPORT label=${label}`);
    }
  } finally {
    await machine.off();
  }
});
