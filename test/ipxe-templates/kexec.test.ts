import { describe, expect, it } from 'vitest';
import { kexecPlan } from '../../src/ipxe-templates/scripts/kexec.ts';
import type { Mac } from '../../src/model/machine/mac.ts';

const URL = 'http://192.0.2.10:8080';
const DIGEST = 'ab'.repeat(32);
const facts = { mac: '52:54:00:00:00:01' as Mac, uuid: '4c4c4544-0051-3510-8053-b4c04f485931', serial: 'S1' };
const setting = (name: string) => `$${'{'}${name}}`;
const plan = (...lines: string[]) => kexecPlan(`#!ipxe\n${lines.join('\n')}\nboot || goto failed\n`, facts, URL);

describe('what a script boots', () => {
  it('is its kernel with its arguments, and its initrds in their order', () => {
    expect(
      plan(
        `kernel --name vmlinuz ${URL}/blobs/sha256/${DIGEST}/k initrd=initrd0.img root=x  quiet || goto failed`,
        `initrd --name initrd0.img http://192.0.2.9/blobs/sha256/${DIGEST}/i || goto failed`,
        `initrd --name root.oci ${URL}/blobs/sha256/${DIGEST}/root.oci /root.oci || goto failed`,
      ),
    ).toEqual({
      kernel: { url: `${URL}/blobs/sha256/${DIGEST}/k`, sha256: DIGEST },
      initrds: [
        // Another server's address says nothing of the bytes.
        { url: `http://192.0.2.9/blobs/sha256/${DIGEST}/i`, sha256: null, path: null },
        { url: `${URL}/blobs/sha256/${DIGEST}/root.oci`, sha256: DIGEST, path: '/root.oci' },
      ],
      line: 'root=x quiet',
    });
  });

  it.each([
    ['mac', '52:54:00:00:00:01'],
    ['netX/mac:hexhyp', '52-54-00-00-00-01'],
    ['mac:hexraw', '525400000001'],
    ['uuid', facts.uuid],
    ['serial', 'S1'],
    ['configuration', `${URL}/configuration/x`],
  ])('has the value of %s', (name, value) => {
    const found = plan(`set configuration ${URL}/configuration/x`, `kernel /k a=${setting(name)}/b`);
    expect(found).toMatchObject({ line: `a=${value}/b` });
  });

  it.each([
    [
      'net0/mac',
      [`kernel /k a=${setting('net0/mac')}`],
      `its script has ${setting('net0/mac')}, which only iPXE knows`,
    ],
    [
      'asset',
      [`kernel /k`, `initrd /${setting('asset')}`],
      `its script has ${setting('asset')}, which only iPXE knows`,
    ],
    ['no kernel', ['sanboot http://192.0.2.1/disk'], 'its script has no command "kernel"'],
    ['a choice', ['kernel /a', 'kernel /b'], 'its script has several commands "kernel", of which iPXE would choose'],
  ])('cannot be told with %s', (_, lines, fault) => {
    expect(plan(...lines)).toEqual({ fault });
  });
});
