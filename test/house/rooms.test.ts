import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { metricsTable } from '../../scripts/metrics-table.ts';
import { floorPlan, linterOverrides, ROOMS } from '../../scripts/rooms.ts';
import { rootMethodsTable } from '../../scripts/root-methods.ts';
import { METRICS } from '../../src/daemon/observe/metrics-table.ts';
import { WEBHOOK_EVENTS } from '../../src/model/settings/observe.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const SRC = new URL('../../src', import.meta.url);

it('the linter and the docs have the rooms, the root methods and the metrics as they are listed', () => {
  expect(JSON.parse(read('biome.json')).overrides, 'run "npm run tables"').toEqual(linterOverrides());
  expect(read('docs/architecture.md'), 'run "npm run tables"').toContain(floorPlan());
  expect(read('docs/roots.md'), 'run "npm run tables"').toContain(rootMethodsTable());
  expect(read('docs/monitoring.md'), 'run "npm run tables"').toContain(metricsTable());
});

it('every folder of src is a room, or lies in one', () => {
  const folders = readdirSync(SRC, { withFileTypes: true }).map(({ name }) => name);
  const rooms = new Set(ROOMS.map(({ name }) => name.replace(/\/.*/, '')));
  expect(folders.filter((name) => !rooms.has(name))).toEqual(['cli.ts']);
  const inImages = readdirSync(new URL('src/images', new URL('../../', import.meta.url)));
  expect(inImages.filter((name) => !ROOMS.some((room) => room.name === `images/${name}`))).toEqual([]);
});

it('no folder of src has more than twelve entries', () => {
  const counts = new Map<string, number>();
  for (const { parentPath } of readdirSync(SRC, { withFileTypes: true, recursive: true })) {
    counts.set(parentPath, (counts.get(parentPath) ?? 0) + 1);
  }
  expect([...counts].filter(([, count]) => count > 12)).toEqual([]);
});

it('no files import each other in a circle, for their types either', () => {
  const files = readdirSync(SRC, { withFileTypes: true, recursive: true })
    .filter(({ name }) => name.endsWith('.ts'))
    .map(({ parentPath, name }) => join(parentPath, name));
  const imports = new Map(
    files.map((file) => {
      const found = readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*'(\.[^']+)'/g);
      return [file, [...found].map(([, path = '']) => join(dirname(file), path))] as const;
    }),
  );
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' → '));
    if (done.has(file)) return;
    done.add(file);
    for (const next of imports.get(file) ?? []) visit(next, [...path, file]);
  };
  for (const file of files) visit(file, []);
  expect(circles).toEqual([]);
});

it('alert rules and dashboard ask for metrics that there are, and the docs name each event of webhooks', () => {
  const wanted = ['alert-rules.yml', 'grafana-dashboard.json'].flatMap((name) =>
    [...read(`contrib/${name}`).matchAll(/slipway_[a-z_]+/g)].map(([metric]) =>
      metric.replace(/_(?:bucket|count|sum)$/, ''),
    ),
  );
  expect([...new Set(wanted)].filter((metric) => !(metric in METRICS))).toEqual([]);
  const page = read('docs/monitoring.md');
  expect(WEBHOOK_EVENTS.filter((event) => !page.includes(`\`${event}\``))).toEqual([]);
});
