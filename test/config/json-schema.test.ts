import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { configJsonSchema } from '../../src/config/json-schema.ts';

describe('the JSON Schema', () => {
  it('is the one that is committed (npm run schema writes it)', () => {
    const text = readFileSync(new URL('../../config.schema.json', import.meta.url), 'utf8');
    expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(configJsonSchema())));
  });

  it('describes each key of the file and allows no other', () => {
    const schema = configJsonSchema() as { properties: Record<string, { description?: string }> };
    expect(schema).toMatchObject({ type: 'object', additionalProperties: false });
    for (const property of Object.values(schema.properties)) expect(property.description).toMatch(/\.$/);
  });
});
