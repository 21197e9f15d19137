import { expect, test } from 'vitest';
import { bootFileName, isAutoexec, parseBootFileName } from '../../src/model/boot/boot-file.ts';
import { clientArch } from '../../src/model/machine/arch.ts';

test.each([
  [0, 'undionly.kpxe', 'tftp'],
  [6, 'ia32/snponly.efi', 'tftp'],
  [7, 'snponly.efi', 'tftp'],
  [9, 'snponly.efi', 'tftp'],
  [11, 'arm64/snponly.efi', 'tftp'],
  [15, 'ia32/snponly.efi', 'http'],
  [16, 'snponly.efi', 'http'],
  [19, 'arm64/snponly.efi', 'http'],
  [27, 'riscv64/snponly.efi', 'tftp'],
])('architecture %i boots %s by %s', (code, name, transport) => {
  const arch = clientArch(code);
  expect(arch && bootFileName(arch.firmware, 'snponly.efi')).toBe(name);
  expect(arch?.transport).toBe(transport);
});

test('an architecture that nothing can boot is unknown, not BIOS', () => {
  expect([1, 5, 22, 41, 255, 65535].map(clientArch)).toEqual(Array(6).fill(undefined));
});

test('a boot file name tells its firmware and binary, and nothing else is one', () => {
  expect(parseBootFileName('undionly.kpxe')).toEqual({ firmware: 'bios', binary: 'undionly.kpxe' });
  expect(parseBootFileName('ipxe.efi')).toEqual({ firmware: 'efi-x64', binary: 'ipxe.efi' });
  expect(parseBootFileName('arm64/snponly.efi')).toEqual({ firmware: 'efi-arm64', binary: 'snponly.efi' });
  expect(['arm64/undionly.kpxe', 'x/ipxe.efi', 'pxelinux.0', ''].map(parseBootFileName)).toEqual(
    Array(4).fill(undefined),
  );
});

test('autoexec.ipxe is asked for beside any binary', () => {
  expect(['autoexec.ipxe', 'arm64/autoexec.ipxe'].every(isAutoexec)).toBe(true);
  expect(['x/autoexec.ipxe', 'autoexec.ipxe.bak', 'myautoexec.ipxe', 'c.ipxe'].some(isAutoexec)).toBe(false);
});
