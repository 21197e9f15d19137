import { expect, test } from 'vitest';
import { isNeeded, modulesOf } from '../../scripts/packages/modules.ts';

const LOCK = {
  '': { version: '1', dependencies: { a: '1' }, optionalDependencies: { native: '1' }, devDependencies: { tool: '1' } },
  'node_modules/a': { version: '1', dependencies: { b: '2' } },
  'node_modules/a/node_modules/b': { version: '2', dependencies: { c: '1' } },
  'node_modules/b': { version: '1' },
  'node_modules/c': { version: '1' },
  'node_modules/native': {
    version: '1',
    dependencies: { 'prebuild-install': '1' },
    optionalDependencies: { '@native/x64': '1', '@native/arm64': '1', '@native/win': '1' },
  },
  'node_modules/@native/x64': { version: '1', os: ['linux'], cpu: ['x64'] },
  'node_modules/@native/arm64': { version: '1', os: ['linux'], cpu: ['arm64'] },
  'node_modules/@native/win': { version: '1', os: ['win32'], cpu: ['x64'] },
  'node_modules/prebuild-install': { version: '1' },
  'node_modules/tool': { version: '1' },
};

test('a package carries what runs on its architecture: nothing for other systems, for installing or for development', () => {
  expect(modulesOf(LOCK, 'arm64')).toEqual([
    'node_modules/@native/arm64',
    'node_modules/a',
    'node_modules/a/node_modules/b',
    'node_modules/c',
    'node_modules/native',
  ]);
});

test('code is needed wherever it lies, and documents and sources are not', () => {
  for (const path of ['/index.js', '/dist/doc/Document.js', '/lib/browser/index.js', '/package.json', '/lib/x.node']) {
    expect([path, isNeeded(path)]).toEqual([path, true]);
  }
  for (const path of [
    '/README.md',
    '/LICENSE',
    '/index.d.ts',
    '/test/index.js',
    '/deps/sqlite3.c',
    '/musl_x64/x.node',
  ]) {
    expect([path, isNeeded(path)]).toEqual([path, false]);
  }
});
