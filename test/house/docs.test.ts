import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, normalize } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { releases } from '../../scripts/packages/changelog.ts';
import { SIDEBAR } from '../../site/.vitepress/sidebar.ts';
import { checkConfig } from '../../src/commands/check/check.ts';
import { TOP } from '../support/lab.ts';

const pages = readdirSync(join(TOP, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name}`);
const texts = new Map(
  [...pages, 'README.md', 'CHANGELOG.md'].map((name) => [name, readFileSync(join(TOP, name), 'utf8')] as const),
);

const FENCE = /^( *)```(\w*)\n([\s\S]*?)^ *```$/gm;

/** The identifier that a heading gets, on the site and where Markdown is shown. */
const anchor = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(/\s/g, '-');

/** The anchors of a page. */
function anchorsOf(name: string): ReadonlySet<string> {
  const prose = (texts.get(name) ?? '').replaceAll(FENCE, '');
  return new Set([...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => anchor(heading)));
}

/** The links of a page within the project, as `[path, anchor]`; of the page itself the path is its own. */
function linksOf(name: string): readonly (readonly [path: string, anchor: string])[] {
  const prose = (texts.get(name) ?? '').replaceAll(FENCE, '').replaceAll(/`[^`\n]*`/g, '');
  return [...prose.matchAll(/(?:\]\(|<img src=")([^)"\s]+)[)"]/g)].flatMap(([, target = '']) => {
    if (/^[a-z]+:/.test(target)) return [];
    const [path = '', fragment = ''] = target.split('#');
    return [[path === '' ? name : normalize(join(dirname(name), path)), fragment] as const];
  });
}

describe('the documentation', () => {
  it.each([...texts.keys()])('%s has links to what there is', (name) => {
    const dead = linksOf(name).filter(([path, fragment]) => {
      if (!existsSync(join(TOP, path))) return true;
      return fragment !== '' && !anchorsOf(path).has(fragment);
    });
    expect(dead).toEqual([]);
  });

  it('has each of its pages in the sidebar of the site, and no others there', () => {
    const listed = SIDEBAR.flatMap((group) => group.pages).map(([, page]) => `docs/${page}.md`);
    expect([...listed, 'docs/README.md'].sort()).toEqual([...pages].sort());
  });

  it('links only to its own pages and pictures, as the site has nothing else', () => {
    const outside = pages.flatMap((name) => linksOf(name).filter(([path]) => !path.startsWith('docs/')));
    expect(outside).toEqual([]);
  });
});

it('the changelog has a section for each release, and the newest is that of package.json', () => {
  const changelog = texts.get('CHANGELOG.md') ?? '';
  const { version } = JSON.parse(readFileSync(join(TOP, 'package.json'), 'utf8')) as { version: string };
  const all = releases(changelog);
  expect(all[0]?.version).toBe(version);
  expect(all.map(({ date }) => date)).toEqual(
    all
      .map(({ date }) => date)
      .sort()
      .reverse(),
  );
  // No other heading but that of what comes.
  expect(changelog.match(/^## .*$/gm)?.filter((each) => each !== '## Unreleased')).toHaveLength(all.length);
});

/** What examples refer to and do not show: nodes of a file, images and profiles of other examples of the page. */
const ROWS = Array.from({ length: 130 }, (_, at) => {
  const number = String(at + 1);
  return `n${number.padStart(3, '0')},52:54:00:00:01:${(at + 1).toString(16).padStart(2, '0')}`;
});
const STAND_INS: Readonly<Record<string, string>> = {
  images: `images: { ${['debian', 'rescue', 'desktop', 'installer'].map((name) => `${name}: { kernel: x }`).join(', ')} }`,
  profiles: 'profiles: { compute: { args: [quiet] } }',
};

/** An example as a configuration of its own: a section of a profile in a profile, and with what it refers to. */
function whole(example: string): string {
  const isSection = /^containers:/m.test(example);
  const yaml = isSection ? example.replaceAll(/^(?!stores:)(?=\S)/gm, '') : example;
  const sections = yaml.split(/^(?=\S)/m);
  const own = sections.filter((each) => !each.startsWith('containers:')).join('');
  const inProfile = sections
    .filter((each) => each.startsWith('containers:'))
    .map((each) => each.replaceAll(/^/gm, '    '));
  const text = isSection ? `${own}\nprofiles:\n  example:\n${inProfile.join('')}\n` : own;
  const missing = Object.entries(STAND_INS).filter(
    ([section]) => !new RegExp(`^${section}:`, 'm').test(text) && (section === 'images' || /compute/.test(text)),
  );
  return [text, ...missing.map(([, standIn]) => standIn)].join('\n');
}

describe('the configurations in the documentation', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'slipway-docs-'));
    await writeFile(join(folder, 'nodes.csv'), ['name,mac', ...ROWS, ''].join('\n'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const examples = [...texts].flatMap(([name, text]) =>
    [...text.matchAll(FENCE)]
      .filter(([, , language]) => language === 'yaml')
      .map(([, indent = '', , yaml = '']) => ({
        name,
        line: yaml.split('\n').slice(0, 2).join(' '),
        yaml: yaml.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
      })),
  );

  it.each(examples)('$name: "$line" is a valid one', async ({ name, yaml }) => {
    const file = join(folder, 'config.yaml');
    // Those who come from other tools copy them as they are.
    await writeFile(file, /^docs\/(?:start|from\/)/.test(name) ? yaml : whole(yaml));
    const { ok, text } = await checkConfig(file, false).catch((error: Error) => ({ ok: false, text: error.message }));
    expect([ok, ok || text]).toEqual([true, true]);
  });
});
