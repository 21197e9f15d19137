import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

const RELEASE = 'build/Release/better_sqlite3.node';

/**
 * The compiled binary of better-sqlite3 for this version of Node, without symbols: that of node_modules, or for another
 * architecture one that Debian's cross compiler makes, which takes some minutes.
 * @param top the checkout
 * @param work a folder for it
 * @param arch as Debian names it
 */
export function sqliteBinary(top: string, work: string, arch: string): Uint8Array {
  const source = realpathSync(join(top, 'node_modules/better-sqlite3'));
  const host = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim();
  const tools = arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu';
  const copy = join(work, 'better-sqlite3');
  cpSync(source, copy, { recursive: true, filter: (path) => arch === host || !path.startsWith(join(source, 'build')) });
  if (arch !== host) {
    const prefix = dirname(dirname(realpathSync(process.execPath)));
    if (!existsSync(join(prefix, 'include/node/node.h')))
      throw new Error(`Node's headers are missing: ${prefix}/include/node`);
    const npm = execFileSync('npm', ['root', '--global'], { encoding: 'utf8' }).trim();
    const gyp = join(npm, 'npm/node_modules/node-gyp/bin/node-gyp.js');
    const env = { ...process.env, CC: `${tools}-gcc`, CXX: `${tools}-g++`, AR: `${tools}-ar` };
    const cpu = arch === 'amd64' ? 'x64' : arch;
    execFileSync(process.execPath, [gyp, 'rebuild', '--release', `--nodedir=${prefix}`, `--arch=${cpu}`], {
      cwd: copy,
      env,
      stdio: ['ignore', 'ignore', 'ignore'],
    });
  }
  execFileSync(arch === host ? 'strip' : `${tools}-strip`, [
    '--strip-unneeded',
    '--remove-section=.comment',
    '--remove-section=.note.gnu.build-id',
    join(copy, RELEASE),
  ]);
  return readFileSync(join(copy, RELEASE));
}
