import { copyFile, mkdir, open, readdir, readFile, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFailed, test } from 'vitest';
import { stringify } from 'yaml';
import { pushBusyboxImage } from '../support/container-image.ts';
import { buildImage, IMAGES, LAB_KERNEL_ARGS, type Suite } from '../support/images.ts';
import { createLab, type Lab, SERVER_ADDRESS, TOP } from '../support/lab.ts';
import { type NetworkMachine, powerOn } from '../support/machine.ts';
import { must } from '../support/process.ts';
import { type Registry, startRegistry } from '../support/registry.ts';
import { startLabS3Server } from '../support/s3-server.ts';

/** Seconds after which a boot counts as hung. */
const HUNG = 600;
const IMAGE = `docker://${SERVER_ADDRESS}:5000/busybox:1`;
const MAC = '52:54:00:00:00:20';
const [ACCESS, SECRET] = ['lab-access-id', 'Q7-secret-of-the-store'];
/** Files that the pipeline brings to the store. */
const FILES = 60;

const write = `
  if [ -e /kept/secret ]; then cat /kept/secret; else echo plain-text-of-the-volume > /kept/secret; echo fresh; fi
  if [ -e /state/boots ]; then echo again; fi
  echo x >> /state/boots
  for n in $(seq ${FILES}); do [ -e /results/$n ] || head -c 100000 /dev/urandom > /results/$n; done
  sync`;
/** Whether a word is anywhere on the machine, at its second boot. It is no part of its own command line. */
const search = `
  [ "$(wc -l < /state/boots)" = 2 ] || exit 0
  for word in '${SECRET.replace('secret', '[s]ecret')}' '${ACCESS.replace('access', '[a]ccess')}'; do
    echo "searching for $word"
    find /machine '(' -name proc -o -name sys -o -name dev -o -name rootfs ')' -prune -o -type f -exec grep -l -e "$word" {} +
    cat /machine/proc/[0-9]*/environ /machine/proc/[0-9]*/cmdline | grep -c -a -e "$word"
    dmesg | grep -c -e "$word"
  done 2> /dev/null
  true`;
const step = (name: string, script: string, mounts: readonly object[], more: object = {}) => ({
  ...{ name, image: IMAGE, plain_http: true, command: ['sh', '-c', script], mounts, ...more },
});

const config = stringify({
  server: { interface: 'eth0' },
  stores: {
    lab: {
      ...{ url: `http://${SERVER_ADDRESS}:9000`, bucket: 'lab', region: 'us-east-1' },
      ...{ access_key: ACCESS, secret_key: SECRET },
    },
  },
  images: {
    runner: { kernel: 'vmlinuz', initrd: 'containers.img', root: { method: 'containers' }, args: LAB_KERNEL_ARGS },
  },
  nodes: {
    n001: {
      mac: MAC,
      image: 'runner',
      containers: {
        cache: { device: 'auto', allow_format: true },
        volumes: {
          kept: { place: 'cache', luks: { key: 'key of the volume', size: '64 MiB' } },
          // Brought in this order: power is lost while the second one is.
          state: { mirror: { store: 'lab' } },
          results: { place: 'cache', mirror: { store: 'lab' } },
        },
        steps: [
          step('write', write, [
            { volume: 'kept', target: '/kept' },
            { volume: 'results', target: '/results' },
            { volume: 'state', target: '/state' },
          ]),
          step(
            'search',
            search,
            [
              { host: '/', target: '/machine' },
              { volume: 'state', target: '/state' },
            ],
            { privileged: true },
          ),
        ],
        end: { action: 'wait' },
      },
    },
  },
});

const sha256 = async (file: string) => (await must('sha256sum', [file])).slice(0, 64);

/** Whether a running machine's memory has a word, read from outside. */
async function memoryHas(machine: NetworkMachine, word: string): Promise<boolean> {
  // "ip netns exec" becomes the program that it starts.
  const pid = machine.console.child.pid;
  const maps = (await readFile(`/proc/${pid}/maps`, 'utf8')).split('\n').map((line) => {
    const [from, to] = (/^([0-9a-f]+)-([0-9a-f]+) rw/.exec(line) ?? []).slice(1).map((hex) => Number.parseInt(hex, 16));
    return { from: from ?? 0, size: (to ?? 0) - (from ?? 0) };
  });
  const ram = maps.sort((a, b) => b.size - a.size)[0] ?? { from: 0, size: 0 };
  const memory = await open(`/proc/${pid}/mem`);
  try {
    const piece = Buffer.alloc((16 << 20) + 256);
    for (let at = 0; at < ram.size; at += 16 << 20) {
      const { bytesRead } = await memory.read(piece, 0, Math.min(piece.length, ram.size - at), ram.from + at);
      if (piece.subarray(0, bytesRead).includes(word)) return true;
    }
    return false;
  } finally {
    await memory.close();
  }
}

describe.each(['bookworm', 'trixie'] satisfies Suite[])('%s', (suite) => {
  let lab: Lab;
  let registry: Registry;
  let machine: NetworkMachine | undefined;
  let boots = 0;
  const at = (...path: string[]) => join(lab.folder, ...path);
  /** The larger disk has a file system of somebody else. */
  const disks = () => [at('foreign'), at('empty')];

  beforeAll(async () => {
    await mkdir(join(TOP, 'build/logs'), { recursive: true });
    await buildImage(suite);
    lab = await createLab(config);
    await mkdir(at('artifacts'));
    for (const file of ['vmlinuz', 'containers.img']) await copyFile(join(IMAGES, suite, file), at('artifacts', file));
    await mkdir(at('store'));
    await startLabS3Server(lab.network, at('store'), [ACCESS, SECRET]);
    registry = await startRegistry(lab.network, lab.folder);
    await pushBusyboxImage(registry, lab.folder, IMAGE, { Cmd: ['sh'] }, { 'some/file': 'above\n' });
    for (const disk of disks()) await writeFile(disk, '');
    await truncate(at('foreign'), 2 ** 31);
    await truncate(at('empty'), 512 << 20);
    await must('mkfs.ext4', ['-q', '-F', '-L', 'photos', at('foreign')]);
    await lab.serve();
  });
  afterAll(async () => {
    await machine?.off();
    await lab?.destroy();
  });

  async function boot(with_ = disks()) {
    await machine?.off();
    machine = await powerOn(lab.network, {
      ...{ firmware: 'bios', mac: MAC, memory: 1024, disks: with_ },
      log: join(TOP, `build/logs/containers-disk-${suite}-${++boots}.log`),
    });
    return machine;
  }
  const output = () =>
    lab.network.must('server', process.execPath, [
      ...[join(TOP, 'dist/cli.js'), 'output', 'n001', '--config', lab.configFile],
    ]);
  /** The blobs that the registry was asked for. */
  const blobs = () => registry.log().match(/GET \/v2\/busybox\/blobs\/sha256:\w+/g) ?? [];
  /** How many files of the volume the store has; it writes an object's metadata last. */
  async function stored(): Promise<number> {
    const found = await readdir(at('store'), { recursive: true });
    const names = found.filter((name) => /results\/\d+\._S3rver_metadata\.json$/.test(name));
    for (const name of names) {
      const { size } = await stat(at('store', name.replace('metadata.json', 'object')));
      expect(size).toBe(100_000);
    }
    return names.length;
  }

  test('a disk becomes the cache, keeps images and volumes over a power failure, and is checked', async () => {
    onTestFailed(() => console.log(machine?.console.output.slice(-6000)));
    const foreign = await sha256(at('foreign'));

    // First boot: the empty disk is formatted, not the larger one; power is lost while files are brought to the store.
    const first = await boot();
    await first.console.until(/formatting \/dev\/vdb, which holds nothing/, HUNG);
    await expect.poll(stored, { timeout: HUNG * 1000, interval: 50 }).toBeGreaterThan(5);
    await first.off();
    expect(blobs().length).toBeGreaterThan(2);
    const arrived = await stored();
    expect(arrived).toBeLessThan(FILES);

    // Second boot: nothing is pulled, the volumes are there again, and the store gets the rest.
    let asked = blobs().length;
    const second = await boot();
    await second.console.until(/the pipeline ended with status 0/, HUNG);
    await second.console.until(/waiting for the next job/, HUNG);
    expect(blobs().slice(asked)).toEqual([]);
    const said = await output();
    expect(said).toContain('plain-text-of-the-volume\nagain\n');
    expect(await stored()).toBe(FILES);
    // The key of the store is nowhere; only its name is in the URLs that curl had.
    expect(said).toMatch(/searching for Q7-\[s\]ecret-of-the-store\n0\n0\n/);
    expect(await memoryHas(second, SECRET)).toBe(false);
    expect(await memoryHas(second, 'plain-text-of-the-volume')).toBe(true);
    await second.off();
    expect((await readFile(at('empty'))).includes('plain-text-of-the-volume')).toBe(false);

    // Third boot: without the registry.
    await registry.kill();
    const third = await boot();
    await third.console.until(/the registry of \S+ does not answer: the image is taken as it was/, HUNG);
    await third.console.until(/the pipeline ended with status 0/, HUNG);
    await third.off();
    await registry.restart();

    // Fourth boot: a byte of a layer was flipped meanwhile.
    const layers = JSON.parse(await readFile(at('busybox/index.json'), 'utf8'));
    const manifest = JSON.parse(
      await readFile(at('busybox/blobs/sha256', layers.manifests[0].digest.slice(7)), 'utf8'),
    );
    const layer: string = manifest.layers[0].digest.slice(7);
    const beginning = (await readFile(at('busybox/blobs/sha256', layer))).subarray(0, 4096);
    const disk = await readFile(at('empty'));
    const place = disk.indexOf(beginning);
    expect(place).toBeGreaterThan(0);
    disk[place + 1000] = ~(disk[place + 1000] ?? 0) & 0xff;
    await writeFile(at('empty'), disk);
    asked = blobs().length;
    const fourth = await boot();
    await fourth.console.until(new RegExp(`a wrong copy of blob ${layer}: it is removed, and fetched anew`), HUNG);
    await fourth.console.until(/the pipeline ended with status 0/, HUNG);
    expect(blobs().slice(asked)).toEqual([`GET /v2/busybox/blobs/sha256:${layer}`]);
    await fourth.off();

    // Fifth boot: with the foreign disk alone.
    const fifth = await boot([at('foreign')]);
    await fifth.console.until(/no disk is empty, and none that holds something is formatted \(\/dev\/vda: ext4/, HUNG);
    await fifth.off();
    expect(await sha256(at('foreign'))).toBe(foreign);
  });
});
