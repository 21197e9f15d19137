import { describe, expect, it } from 'vitest';
import { howToMakeBuilder, parseOsRelease } from '../../src/images/rootfs/os-release.ts';

const DEBIAN = 'PRETTY_NAME="Debian GNU/Linux 12"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nID=debian\nID_LIKE=x\n';

describe('os-release', () => {
  it('is read with and without quotes', () => {
    expect(parseOsRelease(DEBIAN)).toMatchObject({ id: 'debian', version: '12', codename: 'bookworm' });
    expect(parseOsRelease("ID='a-b'\nVERSION_ID=41")).toMatchObject({ id: 'a-b', version: '41', codename: '' });
    expect(parseOsRelease('ID="$(reboot)"\nVERSION_ID="1')).toMatchObject({ id: 'linux', version: '' });
  });

  it('says how a builder is made', () => {
    expect(howToMakeBuilder(parseOsRelease(DEBIAN))).toMatch(
      /"mmdebstrap --variant=minbase --include=\S*dracut-core,\S* bookworm builder.tar"/,
    );
    expect(howToMakeBuilder(parseOsRelease('ID=fedora\nVERSION_ID=41'))).toContain('FROM fedora:41');
    expect(howToMakeBuilder(parseOsRelease('ID=arch'))).toContain('with --builder');
  });
});
