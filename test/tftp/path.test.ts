import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { normaliseName } from '../../src/tftp/path.ts';

describe('normaliseName', () => {
  it.each([
    ['snponly.efi', 'snponly.efi'],
    ['/snponly.efi', 'snponly.efi'],
    ['///debian//vmlinuz', 'debian/vmlinuz'],
    ['./debian/./vmlinuz', 'debian/vmlinuz'],
    ['debian/', 'debian'],
    ['\\Boot\\x64\\wdsnbp.com', 'Boot/x64/wdsnbp.com'],
    ['\\\\Boot\\\\BCD', 'Boot/BCD'],
    ['snponly.efi\xff', 'snponly.efi'],
    ['snponly.efi\xff\xff\x01', 'snponly.efi'],
    ['snponly.efi\r\n', 'snponly.efi'],
    ['a..b/..c/d..', 'a..b/..c/d..'],
    ['with blank', 'with blank'],
    ['gr\xc3\xbc\xc3\x9fe', 'grüße'],
  ])('reads %j as %j', (requested, name) => {
    expect(normaliseName(requested)).toEqual({ ok: true, name });
  });

  it.each([
    ['..', 'parent'],
    ['../etc/passwd', 'parent'],
    ['a/../../b', 'parent'],
    ['..\\..\\b', 'parent'],
    ['a/..', 'parent'],
    ['/..\xff', 'parent'],
    ['', 'empty'],
    ['/', 'empty'],
    ['./', 'empty'],
    ['\xff', 'empty'],
    ['a\nb', 'control-character'],
    ['a\x1b[31m/b', 'control-character'],
    ['a\0b', 'control-character'],
    ['\xe9t\xe9', 'not-utf-8'],
    ['a\xc0\xae\xc0\xae', 'not-utf-8'],
    ['a'.repeat(4097), 'too-long'],
  ])('refuses %j: %s', (requested, reason) => {
    expect(normaliseName(requested)).toEqual({ ok: false, reason });
  });

  it('never lets a name leave its folder, and never throws', () => {
    const piece = fc.constantFrom('..', '.', '/', '\\', 'a', '\xff', '\n', '\0', '\xc3\xbc', ' ');
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const result = normaliseName(pieces.join(''));
        if (!result.ok) return;
        expect(result.name).not.toMatch(/^\/|\/\/|\\|(^|\/)\.\.?(\/|$)|[\x00-\x1f]/);
      }),
      { numRuns: 2000 },
    );
  });
});
