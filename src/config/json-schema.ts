import { z } from 'zod';
import { configSchema } from './schema.ts';

/**
 * An image that is a build needs no paths: they are written out before the schema sees them, and so it requires them
 * where an editor must not. Keys that begin with "x-" are taken out before, too.
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

/** The JSON Schema of the configuration file, of the draft that editors' YAML support knows best. */
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
