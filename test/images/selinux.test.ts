import { describe, expect, it } from 'vitest';
import { createLabeller } from '../../src/images/rootfs/selinux.ts';

const CONTEXTS = `
# a comment
/.*                     system_u:object_r:default_t:s0
/etc(/.*)?              system_u:object_r:etc_t:s0
/etc/shadow.*     --    system_u:object_r:shadow_t:s0
/usr/(.*/)?lib(/.*)?    system_u:object_r:lib_t:s0
/usr/bin/[^/]+    --    system_u:object_r:bin_t:s0
/usr/bin/su       --    system_u:object_r:su_exec_t:s0
/usr/bin/s.       --    system_u:object_r:wrong_t:s0
/var/(a|b)?             system_u:object_r:var_t:s0
/dev/.*           -c    system_u:object_r:device_t:s0
/dev/pts(/.*)?          <<none>>
/run/x            -s    system_u:object_r:socket_t:s0
/with\\.dot             system_u:object_r:dot_t:s0
`;

describe('the label of a file', () => {
  const label = createLabeller(
    [CONTEXTS, '/etc/local system_u:object_r:local_t:s0\n'],
    ['/run /etc\n', '/lib /usr/lib\n# x\n'],
  );

  it.each([
    ['/', 'directory', 'default_t'],
    ['/etc', 'directory', 'etc_t'],
    ['/etc/shadow', 'file', 'shadow_t'],
    ['/etc/shadow', 'directory', 'etc_t'],
    ['/usr/lib', 'directory', 'lib_t'],
    ['/usr/x/y/lib/z', 'symlink', 'lib_t'],
    ['/usr/bin/ls', 'file', 'bin_t'],
    // A plain path comes before any pattern, wherever it stands.
    ['/usr/bin/su', 'file', 'su_exec_t'],
    ['/usr/bin/sh', 'file', 'wrong_t'],
    ['/var/a', 'file', 'var_t'],
    ['/var/', 'directory', 'var_t'],
    ['/var/c', 'file', 'default_t'],
    ['/dev/null', 'character', 'device_t'],
    ['/dev/sda', 'block', 'default_t'],
    ['/with.dot', 'file', 'dot_t'],
    ['/withxdot', 'file', 'default_t'],
    // Further files come after the first one, and count more.
    ['/etc/local', 'file', 'local_t'],
    // Substituted paths.
    ['/lib/a', 'file', 'lib_t'],
    ['/libx', 'file', 'default_t'],
    ['/run/shadow', 'file', 'shadow_t'],
  ] as const)('%s, a %s, is %s', (path, type, expected) => {
    expect(label(path, type)).toBe(`system_u:object_r:${expected}:s0`);
  });

  it('is none where the policy says so', () => {
    expect(label('/dev/pts/0', 'character')).toBeUndefined();
    expect(createLabeller([''])('/a', 'file')).toBeUndefined();
  });

  it.each(['/a', '/a -x b:c', '/a -- b c', '/a( b:c:d'])('is not guessed from the line %j', (line) => {
    expect(() => createLabeller([line])).toThrow('file contexts');
  });
});
