import { chmod, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addNode } from '../../src/config/edit/add-node.ts';
import { adopt } from '../../src/config/edit/adopt.ts';
import { diffOf } from '../../src/config/edit/diff.ts';

const NODE = { name: 'n017', mac: '52:54:00:00:00:17', profile: 'compute' };
const LINES = '  n017:\n    mac: 52:54:00:00:00:17\n    profile: compute\n';

describe('a node is added to a text', () => {
  it.each([
    ['', `nodes:\n${LINES}`],
    ['# notes only', `# notes only\nnodes:\n${LINES}`],
    ['images: {}', `images: {}\nnodes:\n${LINES}`],
    ['nodes: # none yet\nunknown: {}\n', `nodes: # none yet\n${LINES}unknown: {}\n`],
    [
      'nodes:\n  n001: # the first\n    mac: a   # odd   blanks\n\n# unknown ones\nunknown: {}\n',
      `nodes:\n  n001: # the first\n    mac: a   # odd   blanks\n${LINES}\n# unknown ones\nunknown: {}\n`,
    ],
    ['nodes:\n  n001: { mac: a }', `nodes:\n  n001: { mac: a }\n${LINES}`],
    [
      'nodes:\n    n001:\n        mac: a\n',
      'nodes:\n    n001:\n        mac: a\n    n017:\n      mac: 52:54:00:00:00:17\n      profile: compute\n',
    ],
    ['nodes: { n1: { mac: a } }\n', 'nodes: { n1: { mac: a }, n017: { mac: 52:54:00:00:00:17, profile: compute } }\n'],
    ['nodes: {}\n', 'nodes: { n017: { mac: 52:54:00:00:00:17, profile: compute }}\n'],
  ])('%j', (before, after) => expect(addNode(before, NODE)).toEqual({ text: after }));

  it.each([
    ['nodes:\n  n017: { mac: a }\n', 'there is a node "n017" already'],
    ['{ images: {} }', 'the file is not written as lines of "key: value"'],
    ['x-n: &n { a: { mac: b } }\nnodes: *n\n', 'the section nodes: is an alias'],
    ['nodes: [', 'the file is no valid YAML'],
  ])('but not to %j', (before, problem) => {
    expect(addNode(before, NODE)).toEqual({ problem: expect.stringContaining(problem) });
  });
});

describe('a change', () => {
  it('is shown with the lines around it', () => {
    expect(diffOf('a\nb\nc\nd\ne\n', 'a\nb\nc\nx\nd\ne\n')).toBe('@@ line 4 @@\n a\n b\n c\n+x\n d\n e\n');
    expect(diffOf('a\n', 'b\n')).toBe('@@ line 1 @@\n-a\n+b\n');
    expect(diffOf('a\n', 'a\n')).toBe('');
  });
});

describe('a machine is adopted', () => {
  let folder: string;
  let file: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slipway-adopt-'));
    file = join(folder, 'config.yaml');
    await writeFile(file, 'images: { debian: { kernel: k } }\nprofiles: { compute: { image: debian } }\n');
    await chmod(file, 0o640);
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('by a change that is checked, shown and written whole', async () => {
    const link = join(folder, 'link.yaml');
    await symlink(file, link);
    const adoption = await adopt(link, NODE);
    if ('problem' in adoption) throw new Error(adoption.problem);
    expect(adoption.diff).toContain('+  n017:');
    expect(await readFile(file, 'utf8')).not.toContain('n017');
    await adoption.write();
    expect(await readFile(file, 'utf8')).toContain(LINES);
    expect((await stat(file)).mode & 0o777).toBe(0o640);
  });

  it('not with what the configuration does not allow', async () => {
    expect(await adopt(file, { ...NODE, profile: 'none' })).toEqual({
      problem: expect.stringMatching(/config\.yaml:6:14: nodes\.n017\.profile: there is no profile "none"/),
    });
    expect(await adopt(join(folder, 'gone.yaml'), NODE)).toEqual({
      problem: expect.stringContaining('file not found'),
    });
  });

  it('not over a change of somebody else', async () => {
    const adoption = await adopt(file, NODE);
    if ('problem' in adoption) throw new Error(adoption.problem);
    await writeFile(file, '# mine\n');
    await expect(adoption.write()).rejects.toThrow('has been changed meanwhile: try again');
    expect(await readFile(file, 'utf8')).toBe('# mine\n');
  });
});
