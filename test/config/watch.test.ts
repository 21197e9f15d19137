import { chmod, mkdir, mkdtemp, rename, rm, symlink, unlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load/load.ts';
import { type ConfigWatch, watchConfig } from '../../src/config/watch.ts';
import { asNobody } from '../support/nobody.ts';

let folder: string;
let file: string;
let running: ConfigWatch | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slipway-config-'));
  file = join(folder, 'slipway.yaml');
});

afterEach(async () => {
  await running?.stop();
  running = undefined;
  await rm(folder, { recursive: true });
});

const portOf = (port: number) => `server: { http: { port: ${port} } }\n`;

/** Starts the watch and gives what it tells, one by one: the port in force, or the first problem. */
async function follow(path = file): Promise<() => Promise<number | string>> {
  const told: (number | string)[] = [];
  const waiting: ((news: number | string) => void)[] = [];
  const tell = (news: number | string) => {
    const next = waiting.shift();
    if (next) next(news);
    else told.push(news);
  };
  const { text, others } = await loadConfig(path);
  running = await watchConfig({
    file: path,
    text,
    others,
    onConfig: ({ server }) => tell(server.http ? server.http.port : 'off'),
    onProblems: ([problem]) => tell(`${problem?.line}:${problem?.column}: ${problem?.message}`),
  });
  return () => {
    const news = told.shift();
    return news !== undefined ? Promise.resolve(news) : new Promise((resolve) => waiting.push(resolve));
  };
}

async function replace(text: string): Promise<void> {
  await writeFile(`${file}.new`, text);
  await rename(`${file}.new`, file);
}

describe('a watched file', { timeout: 60_000 }, () => {
  it('is read when that is asked for, though it has not changed', async () => {
    await writeFile(file, portOf(1));
    const next = await follow();
    await running?.reload();
    expect(await next()).toBe(1);
    await replace('server: [\n');
    expect(await next()).toMatch(/^\d+:\d+: /);
    await running?.reload();
    expect(await next()).toMatch(/^\d+:\d+: /);
  });

  it('is read again when a file that it names is written', async () => {
    const csv = join(folder, 'nodes.csv');
    await writeFile(csv, 'name,mac\nn1,52:54:00:00:00:01\n');
    await writeFile(file, `${portOf(1)}nodes: { "n[1-1]": { csv: nodes.csv, action: local } }\n`);
    const next = await follow();
    await writeFile(csv, 'name,mac\nn1,52:54:00:00:00:02\n');
    expect(await next()).toBe(1);
    await writeFile(csv, 'name,mac\nn1,nonsense\n');
    expect(await next()).toContain('nodes.csv:2: "nonsense" is no MAC address');
    await writeFile(csv, 'name,mac\nn1,52:54:00:00:00:03\n');
    expect(await next()).toBe(1);
  });

  it('is read again when it is written', async () => {
    await writeFile(file, portOf(1));
    const next = await follow();
    await writeFile(file, portOf(2));
    expect(await next()).toBe(2);
    await writeFile(file, portOf(3));
    expect(await next()).toBe(3);
  });

  it('is read again when another is renamed over it, again and again', async () => {
    await writeFile(file, portOf(1));
    const next = await follow();
    for (const port of [2, 3, 4]) {
      await replace(portOf(port));
      expect(await next()).toBe(port);
    }
    await writeFile(file, portOf(5));
    // On a busy machine the file may be seen between its truncation and its writing: empty, which is valid.
    let port = await next();
    if (port === 8080) port = await next();
    expect(port).toBe(5);
  });

  it('is read again when it is written while it is read, and only the last is told', async () => {
    await writeFile(file, portOf(1));
    const { text } = await loadConfig(file);
    const read: (string | undefined)[] = [];
    const ports = new Promise<readonly number[]>((resolve) => {
      const told: number[] = [];
      watchConfig({
        file,
        text,
        load: async (path) => {
          const loaded = await loadConfig(path);
          read.push(loaded.text);
          // As a program does that empties the file first and fills it then.
          if (loaded.text === '') await writeFile(file, portOf(2));
          return loaded;
        },
        onConfig: ({ server }) => {
          told.push(server.http ? server.http.port : 0);
          resolve(told);
        },
        onProblems: () => {},
      }).then((watching) => {
        running = watching;
        return writeFile(file, '');
      });
    });
    expect(await ports).toEqual([2]);
    expect(read).toContain('');
  });

  it('is told wrong each time that it is saved wrong, until it is right', async () => {
    await writeFile(file, portOf(1));
    const next = await follow();
    const wrong = '1:1: unknown key "sever": did you mean "server"?';
    await writeFile(file, 'sever:\n');
    expect(await next()).toBe(wrong);
    await replace('sever:\n');
    expect(await next()).toBe(wrong);
    await writeFile(file, 'server: [\n');
    expect(await next()).toMatch(/^2:1: YAML: /);
    await writeFile(file, portOf(1));
    expect(await next()).toBe(1);
  });

  it('may vanish and come back', async () => {
    await writeFile(file, portOf(1));
    const next = await follow();
    await unlink(file);
    expect(await next()).toBe('1:1: file not found: expected a YAML file that this user may read');
    await writeFile(file, portOf(2));
    expect(await next()).toBe(2);
  });

  it('is not told when it is saved unchanged', async () => {
    await writeFile(file, portOf(1));
    const next = await follow();
    await utimes(file, 1, 1);
    await replace(portOf(1));
    await writeFile(join(folder, 'other'), 'x');
    await replace(portOf(2));
    expect(await next()).toBe(2);
  });

  it('may be a link into a folder that is swapped, as in mounted volumes', async () => {
    for (const port of [1, 2, 3]) {
      await mkdir(join(folder, `..v${port}`));
      await writeFile(join(folder, `..v${port}`, 'slipway.yaml'), portOf(port));
    }
    await symlink('..v1', join(folder, '..data'));
    await symlink('..data/slipway.yaml', file);
    const next = await follow();
    for (const port of [2, 3]) {
      await symlink(`..v${port}`, join(folder, '..data.new'));
      await rename(join(folder, '..data.new'), join(folder, '..data'));
      expect(await next()).toBe(port);
      await rm(join(folder, `..v${port - 1}`), { recursive: true });
    }
    await writeFile(join(folder, '..v3', 'slipway.yaml'), portOf(4));
    expect(await next()).toBe(4);
  });

  it('may stand below a link that is swapped', async () => {
    for (const port of [1, 2]) {
      await mkdir(join(folder, 'releases', `${port}`), { recursive: true });
      await writeFile(join(folder, 'releases', `${port}`, 'slipway.yaml'), portOf(port));
    }
    await symlink(join(folder, 'releases', '1'), join(folder, 'current'));
    const next = await follow(join(folder, 'current', 'slipway.yaml'));
    await symlink(join(folder, 'releases', '2'), join(folder, 'new'));
    await rename(join(folder, 'new'), join(folder, 'current'));
    expect(await next()).toBe(2);
  });

  it('is compared with the text in force when the watch begins', async () => {
    await writeFile(file, portOf(2));
    const ports: unknown[] = [];
    running = await watchConfig({
      file,
      text: portOf(1),
      onConfig: ({ server }) => ports.push(server.http),
      onProblems: (problems) => ports.push(problems),
    });
    expect(ports).toEqual([{ port: 2 }]);
  });
});

describe('a file that is loaded', () => {
  const problemOf = async (path: string) => {
    const loaded = await loadConfig(path);
    return loaded.ok ? undefined : loaded.problems;
  };
  const whole = (path: string, message: string) => [{ file: path, line: 1, column: 1, message }];
  const expected = 'expected a YAML file that this user may read';

  it('has folders relative to its own', async () => {
    await writeFile(file, 'artifacts: a\n');
    const loaded = await loadConfig(file);
    expect(loaded.ok && loaded.config.artifacts).toBe(join(dirname(file), 'a'));
    expect(loaded.text).toBe('artifacts: a\n');
  });

  it('may be missing, a folder, or below no folder', async () => {
    expect(await problemOf(file)).toEqual(whole(file, `file not found: ${expected}`));
    expect(await problemOf(folder)).toEqual(whole(folder, `the file is a folder (EISDIR): ${expected}`));
    await writeFile(file, '');
    const below = join(file, 'x');
    expect(await problemOf(below)).toEqual(
      whole(below, `the file does not exist: a part of its path is no folder (ENOTDIR): ${expected}`),
    );
  });

  it('may be forbidden', async () => {
    await writeFile(file, '');
    await chmod(file, 0);
    const problem = await asNobody([folder], () => problemOf(file));
    expect(problem).toEqual(whole(file, `the file may not be read by this user (EACCES): ${expected}`));
  });

  it('must be UTF-8', async () => {
    await writeFile(file, Buffer.from('a: \xff\n', 'latin1'));
    expect(await problemOf(file)).toEqual(whole(file, 'the file is no UTF-8 text'));
  });
});
