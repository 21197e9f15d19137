import { fileURLToPath } from 'node:url';

/**
 * The compiled store: its thread runs JavaScript alone. Tests run after a build.
 */
export const BUILT = fileURLToPath(new URL('../../../dist/daemon/state/sqlite-store.js', import.meta.url));

export const { openSqliteStore } = (await import(BUILT)) as typeof import('../../../src/daemon/state/sqlite-store.ts');
