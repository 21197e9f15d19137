import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must, type Running, start } from './process.ts';

/** A server of PostgreSQL of its own, reached by a socket in its folder. */
export interface Postgres {
  /** Of a database that is empty at first. */
  readonly url: string;
  /** Runs a statement. */
  sql(statement: string): Promise<string>;
  /** Kills it as a power cut would. */
  kill(): Promise<void>;
  /** Starts it again. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** The folder of Debian's programs of the newest version that is installed. */
async function programs(): Promise<string> {
  const root = '/usr/lib/postgresql';
  const versions = (await readdir(root)).sort((a, b) => Number(b) - Number(a));
  return join(root, versions[0] ?? '', 'bin');
}

/** Starts a server in a folder of its own. It refuses to run as root, and then runs as Debian's user for it. */
export async function startPostgres(): Promise<Postgres> {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-postgres-'));
  const bin = await programs();
  const isRoot = process.getuid?.() === 0;
  const as = isRoot ? ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups'] : ['env'];
  const [first = '', ...rest] = as;
  if (isRoot) await chown(folder, Number(await must('id', ['-u', 'postgres'])), 0);
  const run = (program: string, args: readonly string[]) => must(first, [...rest, join(bin, program), ...args]);
  const data = join(folder, 'data');
  await run('initdb', ['-D', data, '--auth=trust', '-U', 'slipway', '--no-sync', '-E', 'UTF8', '--locale=C']);
  const options = ['-D', data, '-k', folder, '-c', 'listen_addresses='];
  let server: Running;
  const begin = async () => {
    for (;;) {
      server = start(first, [...rest, join(bin, 'postgres'), ...options]);
      await server.until(/ready to accept connections|is still in use|lock file .* already exists/);
      if (/ready to accept/.test(server.output)) return;
      // The children of one that was killed end a moment later.
      await server.exit;
    }
  };
  await begin();
  const client = ['-h', folder, '-U', 'slipway'];
  await run('createdb', [...client, 'boots']);
  return {
    url: `postgres://slipway@/boots?host=${encodeURIComponent(folder)}`,
    sql: (statement) => run('psql', [...client, '-At', '-c', statement, 'boots']),
    kill: async () => {
      await server.stop('SIGKILL');
    },
    restart: begin,
    stop: async () => {
      await server.stop('SIGQUIT');
      await rm(folder, { recursive: true, force: true });
    },
  };
}
