import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pushBusyboxImage } from '../support/container-image.ts';
import { buildImage, IMAGES, LAB_ARGS } from '../support/images.ts';
import { createLab, type Lab, SERVER_ADDRESS } from '../support/lab.ts';
import { powerOn } from '../support/machine.ts';
import { must } from '../support/process.ts';
import { startRegistry } from '../support/registry.ts';
import { leastMemory, servedLine } from './least-memory.ts';
import { median, type Row } from './table.ts';

const ROUNDS = 2;
/** Seconds after which a boot counts as failed. */
const HUNG = 480;
const FOLDER = join(IMAGES, 'bookworm');
const IMAGE = `${SERVER_ADDRESS}:5000/busybox:1`;
/** What the first container prints. */
const SAID = 'THE-FIRST-CONTAINER';
const MEMORY = 2048;

interface Way {
  readonly name: string;
  readonly mac: string;
  readonly initrd: string;
  /** Where the search for the least memory begins, MiB. */
  readonly first: number;
}

const OWN: Way = { name: 'method containers', mac: '52:54:00:00:06:01', initrd: 'containers.img', first: 384 };
const PODMAN: Way = { name: 'podman on bootc-live', mac: '52:54:00:00:06:02', initrd: 'initrd.img', first: 768 };

const CONFIG = (root: string) => `
server: { interface: eth0 }
artifacts: ${IMAGES}
images:
  own:
    { kernel: bookworm/vmlinuz, initrd: bookworm/containers.img, root: { method: containers }, args: ${LAB_ARGS} }
  podman:
    kernel: bookworm/vmlinuz
    initrd: bookworm/initrd.img
    root: { method: bootc-live, source: ${root}, rw: true }
    args: ${LAB_ARGS}
nodes:
  own:
    mac: "${OWN.mac}"
    image: own
    containers:
      steps:
        - { name: first, image: "docker://${IMAGE}", plain_http: true, network: host, command: [echo, ${SAID}] }
  podman: { mac: "${PODMAN.mac}", image: podman }
`;

const UNIT = `[Unit]
After=network.target
[Service]
Type=oneshot
ExecStart=/usr/bin/podman --cgroup-manager=cgroupfs run --tls-verify=false --network=host --log-driver=none ${IMAGE} echo ${SAID}
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
[Install]
WantedBy=multi-user.target
`;

/** Makes the lab's Debian with podman, as an OCI archive. */
async function makePodmanRoot(folder: string): Promise<void> {
  const tree = join(folder, 'tree');
  await mkdir(tree);
  await must('tar', ['-C', tree, '--xattrs', '--numeric-owner', '-xf', join(FOLDER, 'rootfs.tar.xz')]);
  const inside = (script: string) => must('chroot', [tree, 'sh', '-c', script]);
  await must('cp', ['-L', '/etc/resolv.conf', join(tree, 'etc/resolv.conf')]);
  await inside(
    'apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends podman crun',
  );
  await inside('apt-get clean; rm -rf /var/lib/apt/lists/*');
  await writeFile(join(tree, 'etc/systemd/system/first.service'), UNIT);
  await inside('systemctl enable first.service');
  await must('tar', ['-C', tree, '--xattrs', '--numeric-owner', '--sort=name', '-cf', join(folder, 'layer.tar'), '.']);
  const oci = join(folder, 'oci');
  await must('umoci', ['init', '--layout', oci]);
  await must('umoci', ['new', '--image', `${oci}:latest`]);
  await must('umoci', ['raw', 'add-layer', '--image', `${oci}:latest`, join(folder, 'layer.tar')]);
  await must('skopeo', ['copy', '--quiet', `oci:${oci}:latest`, `oci-archive:${join(folder, 'podman.oci')}:latest`]);
}

/** Switches a machine on; the seconds to its first container, or undefined where there is none. */
async function boot(lab: Lab, way: Way, memory: number): Promise<number | undefined> {
  // Without firmware, which needs more memory than some of this does. Each script has a token of its own boot.
  const append = `${await servedLine(lab, way.mac)} panic=1 slipway.on_failure=reboot rd.shell=0 rd.emergency=reboot`;
  const start = performance.now();
  const firmware = { kernel: join(FOLDER, 'vmlinuz'), initrd: join(FOLDER, way.initrd), append };
  const machine = await powerOn(lab.network, { firmware, mac: way.mac, memory });
  try {
    const end = new RegExp(
      `^.*(?:${SAID}(?!\\])|System halted|Kernel panic|Failed to start first|the pipeline ended with status [^0]).*$`,
      'm',
    );
    const [said] = await machine.console.until(end, HUNG);
    return said.includes(SAID) ? (performance.now() - start) / 1000 : undefined;
  } catch {
    return undefined;
  } finally {
    await machine.off();
  }
}

/** The first container of a machine: by root method `containers`, and by podman on a Debian in memory. */
export async function benchContainers(print: (row: Row) => void): Promise<void> {
  await buildImage('bookworm');
  const folder = await mkdtemp(join(IMAGES, 'bench-'));
  const lab = await createLab(CONFIG(join(folder.slice(IMAGES.length + 1), 'podman.oci')));
  try {
    await makePodmanRoot(folder);
    const registry = await startRegistry(lab.network, lab.folder);
    await pushBusyboxImage(registry, folder, `docker://${IMAGE}`, { Cmd: ['sh'] });
    await lab.serve();
    const mib = async (path: string) => ((await stat(path)).size / 2 ** 20).toFixed(1);
    const sizes = `${await mib(join(FOLDER, OWN.initrd))} MB, no root`;
    const theirs = `${await mib(join(FOLDER, PODMAN.initrd))} MB, and ${await mib(join(folder, 'podman.oci'))} MB of root`;
    print({ work: 'initrd with containers, to podman', target: '', figure: `${sizes}; ${theirs}`, holds: undefined });
    const [own, podman]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      own.push((await boot(lab, OWN, MEMORY)) ?? Number.NaN);
      podman.push((await boot(lab, PODMAN, MEMORY)) ?? Number.NaN);
    }
    const ratio = median(own.map((seconds, round) => seconds / (podman[round] ?? Number.NaN)));
    print({
      ...{ work: 'kernel to first container, to podman', target: '' },
      ...{
        figure: `${ratio.toFixed(2)} × (${median(own).toFixed(0)} s, ${median(podman).toFixed(0)} s)`,
        holds: undefined,
      },
    });
    for (const way of [OWN, PODMAN]) {
      const least = await leastMemory(way.first, async (memory) => (await boot(lab, way, memory)) !== undefined);
      const work = `least memory for the first container, ${way.name}`;
      print({ work, target: '', figure: `${least} MB`, holds: undefined });
    }
  } finally {
    await lab.destroy();
    await rm(folder, { recursive: true, force: true });
  }
}
