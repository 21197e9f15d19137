import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { safePath } from '../../src/artifacts/path.ts';

describe('safePath', () => {
  it.each([
    ['vmlinuz', 'vmlinuz'],
    ['debian/vmlinuz', 'debian/vmlinuz'],
    ['debian//./vmlinuz', 'debian/vmlinuz'],
    ['a b/ü.img', 'a b/ü.img'],
    ['..a/b..', undefined],
    ['a/b..', 'a/b..'],
    ['%2e%2e/x', '%2e%2e/x'],
  ])('%s', (requested, path) => {
    expect(safePath(requested)).toMatchObject(path === undefined ? { ok: false } : { ok: true, path });
  });

  it.each([
    '..',
    '../x',
    'a/../x',
    'a/..',
    'a/../../x',
    '/etc/passwd',
    '//etc/passwd',
    'a\\..\\x',
    '..\\x',
    'a\0b',
    'a\nb',
    'a\x7fb',
  ])('refuses %j', (requested) => {
    expect(safePath(requested)).toMatchObject({ ok: false, reason: 'refused' });
  });

  it.each(['.slipway/digests.json', 'a/.hidden', '.', '', 'a/', 'a/./'])('hides %j', (requested) => {
    expect(safePath(requested)).toMatchObject({ ok: false, reason: 'missing' });
  });

  it('never lets a path leave the folder, whatever is asked', () => {
    const part = fc.constantFrom('..', '.', '', 'a', '\\', '\0', '/', '...', ' ', '%2e');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(part).map((parts) => parts.join('/')),
        ),
        (requested) => {
          const safe = safePath(requested);
          if (!safe.ok) return;
          expect(safe.path).not.toMatch(/^\/|\\|\0/);
          expect(safe.path.split('/')).not.toContain('..');
          expect(safe.path.split('/')).not.toContain('');
        },
      ),
    );
  });
});
