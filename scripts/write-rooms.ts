// Writes what scripts/rooms.ts says into biome.json and docs/architecture.md.
import { readFileSync, writeFileSync } from 'node:fs';
import { floorPlan, linterOverrides } from './rooms.ts';

const linter = new URL('../biome.json', import.meta.url);
writeFileSync(linter, JSON.stringify({ ...JSON.parse(readFileSync(linter, 'utf8')), overrides: linterOverrides() }));
const page = new URL('../docs/architecture.md', import.meta.url);
writeFileSync(page, readFileSync(page, 'utf8').replace(/^\| room[\s\S]*?\n(?=\n)/m, `${floorPlan()}\n`));
