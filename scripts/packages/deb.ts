// Makes a Debian package: deb.ts FOLDER [amd64 | arm64]
//
// It carries the npm packages of the lock file that the server needs. Run it after a build, with Node 20: the compiled
// binary of better-sqlite3 is for Node 20 alone, and newer ones have an SQLite of their own. SOURCE_DATE_EPOCH, by
// default the time of the last commit, is the time of all files: the same tree makes the same package.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { sqliteBinary } from './better-sqlite3.ts';
import { debianChangelog } from './changelog.ts';
import { debianCopyright } from './copyright.ts';
import { isNeeded, type Lock, modulesOf } from './modules.ts';

const TOP = fileURLToPath(new URL('../../', import.meta.url));
/** Node's names of Debian's architectures. */
const CPUS: Readonly<Record<string, string>> = { amd64: 'x64', arm64: 'arm64' };

const [folder, arch = execFileSync('dpkg', ['--print-architecture'], { encoding: 'utf8' }).trim()] =
  process.argv.slice(2);
const cpu = CPUS[arch];
if (folder === undefined || cpu === undefined) throw new Error('usage: deb.ts FOLDER [amd64 | arm64]');
if (process.versions.modules !== '115')
  throw new Error(`the package is made with Node 20, and this is ${process.version}`);

const text = (name: string) => readFileSync(join(TOP, name), 'utf8');
const { version } = JSON.parse(text('package.json')) as { version: string };
const lock = (JSON.parse(text('package-lock.json')) as { packages: Lock }).packages;
const epoch =
  process.env.SOURCE_DATE_EPOCH ??
  execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: TOP, encoding: 'utf8' }).trim();
const env = { ...process.env, SOURCE_DATE_EPOCH: epoch };

const work = mkdtempSync(join(tmpdir(), 'slipway-deb-'));
const root = join(work, 'root');
const lib = join(root, 'usr/lib/slipway');

/** Writes a file of the package, with the folders above it. */
function put(path: string, content: string | Uint8Array, mode = 0o644): void {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  chmodSync(file, mode);
}
/** Without the time, so that the same text makes the same bytes. */
const gzip = (content: string | Uint8Array) => gzipSync(content, { level: 9 });

/** The folder of an npm package for the architecture: from node_modules, or else fetched in the version of the lock file. */
function packageFolder(path: string): string {
  const here = join(TOP, path);
  if (existsSync(here)) return realpathSync(here);
  const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
  const { version: wanted, integrity } = lock[path] ?? {};
  const fetched = join(work, 'fetched', name);
  mkdirSync(fetched, { recursive: true });
  const answer = execFileSync('npm', ['pack', '--json', '--pack-destination', fetched, `${name}@${wanted}`], {
    encoding: 'utf8',
  });
  const [packed] = JSON.parse(answer) as { filename: string; integrity: string }[];
  if (packed?.integrity !== integrity) throw new Error(`${name} ${wanted} is not what the lock file names`);
  const [archive] = readdirSync(fetched).filter((each) => each.endsWith('.tgz'));
  execFileSync('tar', ['-xzf', join(fetched, archive ?? ''), '-C', fetched, '--strip-components=1', '--no-same-owner']);
  rmSync(join(fetched, archive ?? ''));
  return fetched;
}

/** What the server runs from, and the packages' licences. */
function putServer(): string {
  cpSync(realpathSync(join(TOP, 'dist')), join(lib, 'dist'), { recursive: true });
  cpSync(join(TOP, 'dracut-modules'), join(lib, 'dracut-modules'), { recursive: true });
  for (const name of ['package.json', 'config.schema.json']) copyFileSync(join(TOP, name), join(lib, name));
  const folders = modulesOf(lock, cpu as string).map((path) => [path, packageFolder(path)] as const);
  for (const [path, from] of folders) {
    const filter = (file: string) => {
      const inside = relative(from, file);
      return inside === '' || (inside !== 'node_modules' && isNeeded(`/${inside}`));
    };
    cpSync(from, join(lib, path), { recursive: true, filter });
  }
  rmSync(join(lib, 'node_modules/better-sqlite3/build'), { recursive: true, force: true });
  put('usr/lib/slipway/node_modules/better-sqlite3/build/Release/better_sqlite3.node', sqliteBinary(TOP, work, arch));
  return debianCopyright(
    text('LICENSE'),
    folders.map(([path, from]) => ({ path, from, ...lock[path] })),
  );
}

function putDebian(copyright: string): void {
  const debian = (name: string) => text(`packaging/debian/${name}`);
  mkdirSync(join(root, 'usr/bin'), { recursive: true });
  symlinkSync('../lib/slipway/dist/cli.js', join(root, 'usr/bin/slipway'));
  put('usr/lib/systemd/system/slipway.service', debian('slipway.service'));
  put('usr/lib/sysusers.d/slipway.conf', debian('slipway.sysusers'));
  put('usr/share/slipway/config.yaml', debian('config.yaml'));
  execFileSync(
    join(TOP, 'node_modules/.bin/tsx'),
    [join(TOP, 'scripts/packages/write-share.ts'), join(root, 'usr/share')],
    { env },
  );
  for (const section of readdirSync(join(root, 'usr/share/man'))) {
    for (const page of readdirSync(join(root, 'usr/share/man', section))) {
      const path = `usr/share/man/${section}/${page}`;
      put(`${path}.gz`, gzip(readFileSync(join(root, path))));
      rmSync(join(root, path));
    }
  }
  const doc = 'usr/share/doc/slipway';
  put(`${doc}/copyright`, copyright);
  put(`${doc}/changelog.gz`, gzip(text('CHANGELOG.md')));
  const maintainer = /^Maintainer: (.*)$/m.exec(debian('control.in'))?.[1] ?? '';
  put(`${doc}/changelog.Debian.gz`, gzip(debianChangelog(text('CHANGELOG.md'), maintainer)));
  put(`${doc}/examples/config.yaml`, text('config.example.yaml'));
  cpSync(join(TOP, 'docs'), join(root, doc), { recursive: true });
  put('usr/share/lintian/overrides/slipway', debian('lintian-overrides'));
}

/** Every file and folder as a package has it, whoever made it: its mode, and none of the caller's umask. */
function settle(): void {
  execFileSync('find', [lib, '-type', 'd', '-empty', '-delete']);
  execFileSync('find', [root, '-type', 'd', '-exec', 'chmod', '755', '{}', '+']);
  execFileSync('find', [root, '-type', 'f', '-exec', 'chmod', '644', '{}', '+']);
  // What begins as a program is one.
  const scripts = execFileSync('grep', ['-rlI', '--null', '-m', '1', '^#!/', root], { encoding: 'utf8' }).split('\0');
  for (const path of scripts.filter((each) => each !== '' && readFileSync(each, 'utf8').startsWith('#!/')))
    chmodSync(path, 0o755);
}

/** The newest version of glibc whose symbols the compiled binaries use. */
function neededLibc(): string {
  const binaries = execFileSync('find', [lib, '-name', '*.node'], { encoding: 'utf8' }).trim().split('\n');
  const versions =
    execFileSync('readelf', ['-V', '--wide', ...binaries], { encoding: 'utf8' }).match(/GLIBC_[0-9.]+/g) ?? [];
  const minor = Math.max(...versions.map((each) => Number(each.split('.')[1])));
  return `2.${minor}`;
}

/** What dpkg knows of the package beside its files. */
function putControl(): void {
  const size = execFileSync('du', ['-k', '-s', '--apparent-size', root], { encoding: 'utf8' }).split('\t')[0] ?? '';
  const sums = execFileSync('sh', ['-c', 'find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum'], {
    cwd: root,
  });
  const values: Readonly<Record<string, string>> = {
    VERSION: `${version}-1`,
    ARCH: arch,
    SIZE: size,
    LIBC: neededLibc(),
  };
  const control = text('packaging/debian/control.in').replace(/@([A-Z]+)@/g, (_, name: string) => values[name] ?? '');
  put('DEBIAN/control', control);
  put('DEBIAN/md5sums', sums);
  for (const name of ['postinst', 'prerm', 'postrm']) put(`DEBIAN/${name}`, text(`packaging/debian/${name}`), 0o755);
}

try {
  const copyright = putServer();
  putDebian(copyright);
  settle();
  putControl();
  chmodSync(join(root, 'DEBIAN'), 0o755);
  mkdirSync(folder, { recursive: true });
  const file = resolve(folder, `slipway_${version}-1_${arch}.deb`);
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', root, file], {
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  console.log(file);
} finally {
  rmSync(work, { recursive: true, force: true });
}
