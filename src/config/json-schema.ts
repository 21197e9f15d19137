import { z } from 'zod';
import { configSchema } from './schema.ts';

/** The JSON Schema of the configuration file, of the draft that editors' YAML support knows best. */
export function configJsonSchema(): object {
  return { title: 'Slipway configuration', ...z.toJSONSchema(configSchema, { target: 'draft-7', io: 'input' }) };
}
