import { describe, expect, it } from 'vitest';
import type { ImageFacts } from '../../../src/model/boot/fit/facts.ts';
import { bootFileMisfit, imageMisfits, machineMisfits } from '../../../src/model/boot/fit/misfits.ts';
import { defaultRoot } from '../../../src/model/boot/root-methods/methods.ts';
import type { BootSettings } from '../../../src/model/settings/node.ts';
import { aBootcRoot, anImage, ignored, settings, sourced } from '../../support/config.ts';

const MIB = 1024 * 1024;
const at = <T>(value: T, from: string) => ({ value, from });
const misfits = (changes: Partial<BootSettings>, facts: ImageFacts, memory?: number) =>
  machineMisfits({ node: 'n.1', settings: settings(changes) }, facts, { memory });

describe('architecture', () => {
  const arch = at('arm64' as const, 'nodes.n.1.arch');

  it('that is not the kernel’s is told where it is set', () => {
    const [found, ...others] = misfits({ arch }, { architecture: 'x86_64' });
    expect(others).toEqual([]);
    expect(found?.path).toEqual(['nodes', 'n.1', 'arch']);
    expect(found?.message).toContain('kernel of image debian is for x86_64, and this is arm64');
  });

  it.each([
    ['arm64', 'arm64'],
    ['x86_64', 'i386'],
    ['x86_64', undefined],
    [undefined, 'riscv64'],
  ] as const)('%s runs a kernel for %s', (named, architecture) => {
    expect(misfits(named ? { arch: sourced(named) } : {}, { architecture })).toEqual([]);
  });

  it('needs an iPXE binary', () => {
    const needs = (has: readonly string[], changes: Partial<BootSettings>) =>
      bootFileMisfit(settings(changes), (name) => has.includes(name)).map(({ message }) => message);
    expect(needs([], {})).toEqual([]);
    expect(needs(['snponly.efi'], { arch })[0]).toContain('no iPXE for arm64 (arm64/snponly.efi)');
    expect(needs(['arm64/snponly.efi'], { arch })).toEqual([]);
    expect(needs(['undionly.kpxe'], { arch: sourced('x86_64') })).toEqual([]);
    expect(needs([], { arch: sourced('x86_64') })[0]).toContain('(snponly.efi, undionly.kpxe)');
  });
});

describe('a Raspberry Pi', () => {
  const firmware = at('raspberry-pi' as const, 'profiles.pi.firmware');

  it('boots neither a PC’s kernel nor a unified kernel image', () => {
    const [pc] = misfits({ firmware }, { architecture: 'x86_64', unified: true });
    expect(pc).toMatchObject({ path: ['profiles', 'pi', 'firmware'] });
    expect(pc?.message).toContain('a Raspberry Pi cannot boot image debian, whose kernel is for x86_64');
    expect(misfits({ firmware }, { architecture: 'arm64', unified: true })[0]?.message).toContain('needs UEFI');
    expect(misfits({ firmware }, { architecture: 'arm64', unified: false })).toEqual([]);
  });
});

describe('memory', () => {
  const root = { bytes: 3000 * MIB, packed: true };
  const image = (method: string) => sourced(anImage(defaultRoot(method)));

  it('that is less than the root needs is told, with what to do', () => {
    const memory = at(2048 * MIB, 'profiles.small.memory');
    const [found] = misfits({ image: image('image'), memory }, { root });
    expect(found).toEqual({
      path: ['profiles', 'small', 'memory'],
      message:
        '2 GiB of memory is too little for image debian, which needs about 3.1 GiB by root method image: choose root method lazy, a smaller image, or more memory',
    });
    expect(misfits({ image: image('lazy'), memory }, { root })).toEqual([]);
    expect(misfits({ image: image('bootc-live'), memory }, { root })[0]?.message).toContain('image or lazy');
  });

  it('is what the machine said last, where the configuration says nothing', () => {
    const [found] = misfits({ image: image('image') }, { root }, 1024 * MIB);
    expect(found?.path).toEqual(['nodes', 'n.1']);
    expect(found?.message).toMatch(/^1 GiB of memory, as it last said itself, is too little/);
    expect(misfits({ image: image('image'), memory: sourced(8192 * MIB) }, { root }, 1024 * MIB)).toEqual([]);
  });

  it('is not compared where it, the root or the boot is unknown', () => {
    expect(misfits({ image: image('image') }, { root })).toEqual([]);
    expect(misfits({ image: image('image'), memory: sourced(MIB) }, {})).toEqual([]);
    const quiet = { ...ignored(), memory: sourced(MIB) };
    expect(machineMisfits({ node: undefined, settings: quiet }, { root }, {})).toEqual([]);
  });
});

describe('an initrd', () => {
  it.each([
    [{}, ['bootc-live'], undefined],
    [{}, ['slipway-image'], 'bootc-live'],
    [{ zram: '1G', kexec: true }, ['bootc-live'], 'bootc-live-zram, bootc-live-kexec'],
    [{ erofs: true }, ['bootc-live', 'bootc-live-erofs'], undefined],
  ])('for bootc-live with %o that has %o lacks %s', (changes, modules, lacks) => {
    const [found] = imageMisfits(anImage(aBootcRoot(changes)), { modules });
    expect(found?.message).toBe(
      lacks && `the initrd has no module for root method bootc-live (${lacks}): build it with dracut --add slipway`,
    );
  });

  it.each([
    [['slipway-containers'], /the initrd has no kexec, so containers cannot end with image next: .*kexec-tools/],
    [['slipway-containers', 'bootc-live-kexec'], undefined],
    [undefined, undefined],
  ])('with %j whose containers end with another image', (modules, message) => {
    const end = { action: 'kexec', image: 'next' } as const;
    const layers = [at({ end: { action: 'reboot' } as const }, 'images.debian'), at({ end }, 'nodes.n.1')];
    const [found] = misfits({ containers: layers }, { modules });
    if (message)
      expect(found).toMatchObject({ path: ['images', 'debian', 'initrd'], message: expect.stringMatching(message) });
    else expect(found).toBeUndefined();
  });

  it('whose content is unknown lacks nothing', () => {
    expect(imageMisfits(anImage(aBootcRoot()), {})).toEqual([]);
  });
});
