import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, it } from 'vitest';
import { openApi } from '../../src/http/api/openapi.ts';

it('the description of the API is a valid OpenAPI document', async () => {
  const { valid, errors } = await new Validator().validate(JSON.parse(JSON.stringify(openApi())));
  expect({ valid, errors }).toEqual({ valid: true, errors: undefined });
});
