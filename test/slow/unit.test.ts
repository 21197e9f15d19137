import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { TOP } from '../support/lab.ts';
import { must, run } from '../support/process.ts';

/** Looks at the service from inside, and ends the system. */
const REPORT = `#!/bin/sh
for i in $(seq 60); do
  journalctl --unit slipway --no-pager | grep -q '"event":"ready"' && break
  sleep 1
done
{
  systemctl show slipway --property ActiveState,NRestarts
  journalctl --unit slipway --no-pager
  stat --format '%U %n' /var/lib/slipway/artifacts/.slipway
} > /report 2>&1
systemctl poweroff --force
`;
const REPORT_UNIT = '[Service]\nExecStart=/usr/local/sbin/report\n[Install]\nWantedBy=multi-user.target\n';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-unit-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

/** The text in a fence of a language, the nth of the documents' section on the service. */
function fenced(text: string, language: string, nth = 0): string {
  const section = /## As a service([\s\S]*?)\n## /.exec(text)?.[1] ?? '';
  return [...section.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))][nth]?.[1] ?? '';
}

test.each(['bookworm', 'trixie'])(
  'the documented unit starts as it is written, on a fresh Debian %s',
  async (suite) => {
    const root = join(folder, 'root');
    await must('mmdebstrap', ['--quiet', '--variant=minbase', '--include=systemd-sysv', suite, root]);
    await must('make', ['-C', TOP, 'install', `DESTDIR=${root}`]);
    await copyFile(process.execPath, join(root, 'usr/local/bin/node'));

    const text = await readFile(join(TOP, 'docs/operation.md'), 'utf8');
    const steps = fenced(text, 'sh')
      .split('\n')
      .filter((line) => !line.startsWith('make '));
    await mkdir(join(root, 'src'));
    await writeFile(
      join(root, 'src/config.yaml'),
      'server: { address: 127.0.0.1 }\nartifacts: /var/lib/slipway/artifacts\n',
    );
    await must('chroot', [root, 'sh', '-e', '-c', `cd /src\n${steps.join('\n')}`]);
    await writeFile(join(root, 'etc/systemd/system/slipway.service'), fenced(text, 'ini'));
    await writeFile(join(root, 'usr/local/sbin/report'), REPORT, { mode: 0o755 });
    await writeFile(join(root, 'etc/systemd/system/report.service'), REPORT_UNIT);
    const verified = await run('chroot', [root, 'systemd-analyze', 'verify', '/etc/systemd/system/slipway.service']);
    expect([verified.code, verified.stderr]).toEqual([0, '']);
    await must('chroot', [root, 'systemctl', 'enable', 'slipway', 'report']);

    const spaces = ['--mount', '--pid', '--fork', '--cgroup', '--net', '--uts', '--ipc', '--kill-child'];
    await run('timeout', ['120', 'unshare', ...spaces, join(TOP, 'test/support/boot-root.sh'), root]);
    const report = await readFile(join(root, 'report'), 'utf8');
    expect(report).toContain('ActiveState=active\n');
    expect(report).toContain('NRestarts=0\n');
    expect(report).toMatch(/"event":"ready".*tftp 127\.0\.0\.1:69, dhcp 127\.0\.0\.1:67/);
    expect(report).toContain('slipway /var/lib/slipway/artifacts/.slipway');
  },
);
