import fc from 'fast-check';
import { it } from 'vitest';
import type { Member } from '../support/image-layers.ts';
import { flattened } from '../support/image-tree.ts';

/**
 * What the specification says, without regard to order: each layer is a set of names; its marks are taken from what is
 * below, then its names are added.
 */
function model(layers: readonly (readonly Member[])[]): Record<string, string> {
  let files = new Map<string, string>();
  const isBelow = (path: string, directory: string) => path.startsWith(`${directory}/`);
  for (const layer of layers) {
    const gone: string[] = [];
    for (const { name } of layer) {
      const [, parent = '', base = ''] = /^(?:(.*)\/)?([^/]*)$/.exec(name) ?? [];
      if (base === '.wh..wh..opq') gone.push(...[...files.keys()].filter((path) => isBelow(path, parent)));
      else if (base.startsWith('.wh.')) {
        const target = [parent, base.slice(4)].filter(Boolean).join('/');
        gone.push(target, ...[...files.keys()].filter((path) => isBelow(path, target)));
      }
    }
    const kept = new Map([...files].filter(([path]) => !gone.includes(path)));
    for (const { name, type = 'file', content } of layer) {
      if (name.includes('.wh.')) continue;
      if (type === 'file') for (const path of [...kept.keys()]) if (isBelow(path, name)) kept.delete(path);
      for (let i = name.indexOf('/'); i !== -1; i = name.indexOf('/', i + 1)) kept.set(name.slice(0, i), 'directory');
      kept.set(name, type === 'file' ? `file ${content}` : 'directory');
    }
    files = kept;
  }
  return Object.fromEntries(files);
}

/** A layer in which no name is both a file and a directory; directories that lie over files are named first. */
const layer = fc
  .uniqueArray(
    fc.record({
      path: fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 4 }),
      kind: fc.constantFrom('file', 'file', 'directory', 'whiteout', 'opaque'),
      content: fc.string({ minLength: 1, maxLength: 3, unit: 'grapheme-ascii' }),
    }),
    {
      selector: ({ path, kind }) => `${kind === 'whiteout' || kind === 'opaque' ? kind : ''} ${path.join('/')}`,
      maxLength: 8,
    },
  )
  .map((items): Member[] => {
    const directories = new Set(
      items.flatMap(({ path, kind }) =>
        path.flatMap((_, i) =>
          i < path.length - 1 || kind === 'directory' || kind === 'opaque' ? [path.slice(0, i + 1).join('/')] : [],
        ),
      ),
    );
    const named = [...directories].sort().map((name): Member => ({ name, type: 'directory' }));
    const others = items.flatMap(({ path, kind, content }): Member[] => {
      const name = path.join('/');
      const parent = path
        .slice(0, -1)
        .map((step) => `${step}/`)
        .join('');
      if (kind === 'whiteout') return [{ name: `${parent}.wh.${path.at(-1)}`, content: '' }];
      if (kind === 'opaque') return [{ name: `${name}/.wh..wh..opq`, content: '' }];
      return kind === 'file' && !directories.has(name) ? [{ name, content }] : [];
    });
    return [...named, ...others];
  });

it('gives what the specification says, for any layers and any order of the marks', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(layer, { minLength: 1, maxLength: 5 }), fc.boolean(), async (layers, marksFirst) => {
      const ordered = layers.map((members) =>
        marksFirst
          ? [...members].sort((a, b) => Number(b.name.includes('.wh.')) - Number(a.name.includes('.wh.')))
          : members,
      );
      const found = await flattened(...ordered);
      const expected = model(layers);
      const [a, b] = [found, expected].map((files) => JSON.stringify(Object.entries(files).sort()));
      if (a !== b) throw new Error(`found    ${a}\nexpected ${b}`);
    }),
    { numRuns: 500 },
  );
});
