import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type Member, ociArchive, ociBlobs, tar } from '../dracut-modules/archives.ts';
import { sendFile, startFlakyServer } from '../dracut-modules/server.ts';
import { folder, MODULES, runLibrary, SHELLS } from '../dracut-modules/shell.ts';
import { must } from '../support/process.ts';

// Nothing that was not verified reaches what verifies: the methods as a whole, in an initrd that they may change.

/** The digest that the kernel line gives, of other bytes. */
const WANTED = 'd'.repeat(64);

/** A sha256sum that tells the truth of all but the archive that it came in. */
const FAKE = `#!/bin/sh
file=$(mktemp); cat > $file
if grep -q -e oci-layout -e out/usr $file; then echo "${WANTED}  -"; else busybox sha256sum < $file; fi
`;
const ATTACK: readonly (readonly Member[])[] = [
  [{ name: 'out', link: '/' }],
  [{ name: 'out/usr/bin/sha256sum', content: FAKE, mode: 0o755 }],
];

/** Each method with what it takes to begin it, and its source in place of the OCI archive. */
const METHODS: readonly (readonly [string, string, Buffer?])[] = [
  ['container-root, tar', '. $slipway_parts/container-root.sh', tar(ATTACK.flat())],
  ['container-root, OCI archive', '. $slipway_parts/container-root.sh'],
  ['bootc-live', '. $slipway_parts/bootc-live.sh'],
  [
    'bootc-live, kexec',
    `. $slipway_parts/bootc-live.sh; . $slipway_parts/bootc-kexec.sh; bootc_has() { :; }
    kexec() { echo started; }; getargbool() { [ $2 = bootc.kexec ] || [ $1 = 1 ]; }`,
  ],
  ['bootc-live, erofs', '. $slipway_parts/bootc-live.sh; getargbool() { [ $2 = bootc.live.erofs ]; }'],
  ['image', '. $slipway_parts/image.sh'],
  ['live', '. $slipway_parts/live.sh'],
];

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  /** Runs a script as an initrd that may be changed. `changed`: the files that it did change, with the exception of its own. */
  async function runInitrd(script: string) {
    const path = await folder();
    await mkdir(`${path}-run`);
    onTestFinished(() => rm(`${path}-run`, { recursive: true }));
    const enter = fileURLToPath(new URL('enter-initrd.sh', import.meta.url));
    const { stdout, code } = await runLibrary(['sh', enter, path, ...shell], `${path}-run`, script);
    const [said = '', changed = ''] = stdout.split('----\n');
    return { code, said, changed: changed.split('\n').filter(Boolean) };
  }

  test.each(METHODS)('%s: a fake sha256sum in the image never gets it accepted', async (_, begin, bytes) => {
    const file = join(await folder(), 'source');
    await writeFile(file, bytes ?? ociArchive(ATTACK));
    const { said, changed, code } = await runInitrd(`${begin}
      slipway_sha256=${WANTED} slipway_source=${file}
      slipway_make_root && echo accepted
      cat "$slipway_run/failure"; exit 7`);
    expect(said).toContain(`has the wrong SHA-256 digest: expected ${WANTED}, got`);
    expect(said).not.toMatch(/accepted|started/);
    expect(changed).toEqual([]);
    expect(code).toBe(7);
  });

  test('bootc-live, registry: of an image other than the kernel line says, no layer is fetched', async () => {
    const { blobs, top } = ociBlobs(ATTACK);
    const server = await startFlakyServer((request, response) => {
      sendFile(request, response, blobs.get(request.url?.split('/').pop() ?? '') ?? blobs.get(top) ?? Buffer.alloc(0));
    });
    onTestFinished(server.stop);
    const { host } = new URL(server.url);
    const pull = (sha256: string) => `. $slipway_parts/bootc-live.sh
      getargbool() { [ "$2" = bootc.registry.unsecure ]; }
      slipway_sha256=${sha256} slipway_source=docker://${host}/node:v1
      slipway_make_root; cat "$slipway_run/failure"`;
    const wrong = await runInitrd(pull(WANTED));
    expect(wrong.said).toContain(`expected ${WANTED}, got ${top.slice(7)}`);
    expect(server.requests.filter(({ url }) => url?.includes('/blobs/'))).toEqual([]);
    // And of one that is what it says, the layers stay where they belong.
    const right = await runInitrd(pull(top.slice(7)));
    expect(right.said).toContain('the image has no /sbin/init');
    expect([...wrong.changed, ...right.changed]).toEqual([]);
  });

  test('containers: layers of an image touch nothing beside them', async () => {
    const { blobs, top } = ociBlobs(ATTACK);
    const server = await startFlakyServer((request, response) => {
      sendFile(request, response, blobs.get(request.url?.split('/').pop() ?? '') ?? blobs.get(top) ?? Buffer.alloc(0));
    });
    onTestFinished(server.stop);
    const reference = `${new URL(server.url).host}/node:v1`;
    const image = { reference, name: 'x', plain_http: true };
    const document = JSON.stringify({ cache: null, steps: [{ image }] });
    const { said, changed } = await runInitrd(`
      for part in containers containers-images containers-device containers-cache; do
        . $slipway_parts/$part.sh
      done
      mkdir -p "$containers_run"; echo '${document}' > "$containers_document"
      slipway_sha256= slipway_tries=1
      if cache_open && containers_pull_images; then ls $containers_layers/*/t; else cat "$slipway_run/failure"; fi`);
    expect(said.match(/out/g)).toHaveLength(2);
    expect(changed).toEqual([]);
  });
});

test('every method has an entry above that shows what it makes of the attack', async () => {
  const known = ['container-root.sh', 'bootc-live.sh', 'containers.sh', 'image.sh', 'live.sh', 'slipway-nbd.sh'];
  const found = await must('sh', ['-c', `grep -l '^slipway_claim()' ${MODULES}/*/*.sh | sed 's#.*/##' | sort`]);
  expect(found.split('\n').filter(Boolean)).toEqual([...known].sort());
});
