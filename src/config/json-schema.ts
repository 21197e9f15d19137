import { z } from 'zod';
import { configSchema } from './schema.ts';

/**
 * Changes the schema for editors, which see the document as it is written. The server writes out the paths of builds
 * and removes keys that begin with "x-" before it applies the schema; so for editors such paths are optional, and such
 * keys are allowed.
 */
function relax(schema: z.core.JSONSchema.BaseSchema): void {
  if (schema.additionalProperties === false) schema.patternProperties = { '^x-': {} };
  const { properties = {}, required = [] } = schema;
  if ('build' in properties && 'kernel' in properties) {
    delete schema.required;
    schema.anyOf = [{ required: ['kernel'] }, { required: ['build'] }];
  } else if ('method' in properties && required.includes('source')) {
    schema.required = required.filter((key) => key !== 'source');
  }
}

/** The JSON Schema of the configuration file, in the draft that editors support best. */
export function configJsonSchema(): object {
  const options = {
    target: 'draft-7',
    io: 'input',
    override: ({ jsonSchema }: Overridden) => relax(jsonSchema),
  } as const;
  return { title: 'Slipway configuration', ...z.toJSONSchema(configSchema, options) };
}

interface Overridden {
  readonly jsonSchema: z.core.JSONSchema.BaseSchema;
}
