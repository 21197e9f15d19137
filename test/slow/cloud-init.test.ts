import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createConfigurationSource } from '../../src/daemon/configuration/source.ts';
import { BootAccess } from '../../src/daemon/fleet/tokens/boot-access.ts';
import { Serving } from '../http/serving.ts';
import { aBoot, MAC } from '../model/fleet/machines.ts';
import { aConfig, aNode, settings } from '../support/config.ts';
import { must } from '../support/process.ts';

const CONFIGURATION = {
  user_data: {
    users: [
      {
        name: 'admin',
        lock_passwd: false,
        hashed_passwd: { '!secret': 'env:HASH' },
        ssh_authorized_keys: ['ssh-ed25519 AAAA a'],
      },
    ],
    write_files: [{ path: '/etc/motd', permissions: '0644', content: 'first: "line"\nsecond\ttab\n' }],
    runcmd: [['sh', '-c', 'echo once > /root/once']],
  },
  meta_data: { 'public-keys': ['ssh-ed25519 AAAA x'] },
  network_config: { version: 2, ethernets: { all: { match: { name: 'en*' }, dhcp4: true } } },
};

/** Has cloud-init's own data sources fetch from URLs, and prints what they found as JSON. */
const FETCH = `
import json, sys, tempfile
from cloudinit import dmi, helpers, util
from cloudinit.sources import DataSourceEc2 as ec2, DataSourceNoCloud as nocloud
base, argument = sys.argv[1], sys.argv[2]
util.get_cmdline = lambda: 'quiet ' + argument + ' ip=dhcp'
dmi.read_dmi_data = lambda key: None
nocloud.DataSourceNoCloud._get_devices = lambda self, label: []
directory = tempfile.mkdtemp()
paths = helpers.Paths({'cloud_dir': directory, 'run_dir': directory})
local = nocloud.DataSourceNoCloud({'datasource': {}}, None, paths)
net = nocloud.DataSourceNoCloudNet({'datasource': {}}, None, paths)
ec2.identify_platform = lambda: 'aws'
metadata = ec2.DataSourceEc2({'datasource': {'Ec2': {'metadata_urls': [base]}}}, None, paths)
found = {'local': local._get_data(), 'net': net._get_data(), 'ec2': metadata._get_data(), 'dsmode': net.dsmode}
open('/user-data', 'wb').write(net.userdata_raw)
found.update(meta=net.metadata, user=util.load_yaml(net.userdata_raw), ec2_meta=metadata.metadata)
found.update(ec2_user=util.load_yaml(metadata.userdata_raw))
print(json.dumps(found))
`;

let folder: string;
let serving: Serving | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-cloud-init-'));
});
afterEach(async () => {
  await serving?.stop();
  await rm(folder, { recursive: true, force: true });
});

/** A server with one machine, and the token of its boot. */
async function startServer(): Promise<{ readonly url: string; readonly token: string }> {
  const now = () => 0;
  const boot = aBoot([{ stage: 'script' }]);
  const access = new BootAccess({ boot: () => boot, byId: () => boot, secret: 'ab'.repeat(32), now });
  const node = aNode({ settings: settings({ configuration: [{ value: CONFIGURATION, from: 'test' }] }) });
  const configuration = createConfigurationSource({
    ...{ config: () => aConfig([node]), access, env: { HASH: '$6$salt$hash' }, monotonic: now },
    match: () => ({ mac: MAC, node, settings: node.settings, why: '' }),
    root: async () => undefined,
    file: async () => undefined,
    record: () => {},
  });
  serving = await Serving.start({ configuration });
  return { url: serving.url, token: access.tokenFor(MAC, { client: '127.0.0.1', uuid: undefined }) ?? '' };
}

/** The argument of the script's template, for a URL. */
async function argumentFor(url: string): Promise<string> {
  const template = await readFile(new URL('../../src/ipxe-templates/base.ipxe.njk', import.meta.url), 'utf8');
  const [, argument = ''] = / (ds=nocloud\S*\{\{ configuration\.url \}\}\/)/.exec(template) ?? [];
  return argument.replace('{{ configuration.url }}', url);
}

test.each(['bookworm', 'trixie'])(
  'cloud-init of Debian %s takes the documents, and the metadata service',
  async (suite) => {
    const root = join(folder, 'root');
    await must('mmdebstrap', ['--quiet', '--variant=minbase', '--include=cloud-init', suite, root]);
    const { url, token } = await startServer();
    const argument = await argumentFor(`${url}/configuration/${token}`);
    expect(argument).toContain(token);
    await writeFile(join(root, 'fetch.py'), FETCH);
    const stdout = await must('chroot', [root, 'python3', '/fetch.py', url, argument]);
    const found = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    // Without a network it leaves the work to the next stage, and that one must not take it for done.
    expect(found).toMatchObject({ local: false, net: true, dsmode: 'net', ec2: true });
    expect(found.meta).toMatchObject({ 'local-hostname': 'n001', 'instance-id': expect.stringMatching(/^n001-/) });
    const user = structuredClone(CONFIGURATION.user_data) as { users: object[] };
    user.users = [{ ...user.users[0], hashed_passwd: '$6$salt$hash' }];
    expect(found.user).toEqual(user);
    expect(found.ec2_user).toEqual(user);
    expect(found.ec2_meta).toMatchObject({ hostname: 'n001', 'public-keys': { 'key-0': 'ssh-ed25519 AAAA x' } });
    const schema = await must('chroot', [root, 'cloud-init', 'schema', '--config-file', '/user-data']);
    expect(schema).toContain('Valid');

    // It begins at all only where this says so; a container has no kernel line of its own.
    await writeFile(
      join(root, 'usr/local/bin/systemd-detect-virt'),
      '#!/bin/sh\n[ "$1" = --container ] && exit 1\necho kvm\n',
    );
    await chmod(join(root, 'usr/local/bin/systemd-detect-virt'), 0o755);
    await mkdir(join(root, 'fake'));
    await writeFile(join(root, 'fake/cmdline'), `quiet ${argument} ip=dhcp\n`);
    const identify =
      'PATH=/usr/local/bin:$PATH PATH_PROC_CMDLINE=/fake/cmdline DI_LOG=/dev/null /usr/lib/cloud-init/ds-identify';
    await must('chroot', [root, 'sh', '-c', identify]);
    expect(await readFile(join(root, 'run/cloud-init/cloud.cfg'), 'utf8')).toMatch(
      /^datasource_list: \[ nocloud, None \]/im,
    );
  },
  600_000,
);
