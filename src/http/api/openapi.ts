import { z } from 'zod';
import { OPERATIONS, type Operation } from './operations.ts';
import { change, problem } from './schemas.ts';

/** A JSON Schema of OpenAPI 3.1, which takes the dialect 2020-12. */
function schema(type: z.ZodType): object {
  const { $schema: _, ...rest } = z.toJSONSchema(type, { io: 'output' });
  return rest;
}

const json = (type: z.ZodType) => ({ 'application/json': { schema: schema(type) } });
const failure = (description: string) => ({ description, content: json(problem) });

function parametersOf({ path, parameters }: Operation): readonly object[] {
  return Object.entries(parameters.shape).map(([name, type]) => {
    const { description, ...rest } = z.toJSONSchema(type as z.ZodType, { io: 'input' }) as { description?: string };
    const { $schema: _, ...plain } = rest as { $schema?: string };
    const place = path.includes(`{${name}}`) ? 'path' : 'query';
    const required = place === 'path' || !(type as z.ZodType).safeParse(undefined).success;
    return { name, in: place, required, ...(description && { description }), schema: plain };
  });
}

const EVENTS = {
  get: {
    summary: 'Changes as they happen, as server-sent events',
    description: 'Each event is a change; its id is the number, from which a client goes on with Last-Event-ID.',
    parameters: [
      {
        name: 'Last-Event-ID',
        in: 'header',
        required: false,
        description: 'The number of the last change that the client has.',
        schema: { type: 'integer' },
      },
    ],
    responses: {
      200: { description: 'Events without end', content: { 'text/event-stream': { schema: schema(change) } } },
    },
  },
};

/** The OpenAPI 3.1 description of the API, made from the schemas that it is checked by. */
export function openApi(): object {
  const paths = OPERATIONS.map((operation) => [
    operation.path,
    {
      get: {
        summary: operation.summary,
        parameters: parametersOf(operation),
        responses: {
          200: { description: 'The answer', content: json(operation.answer) },
          400: failure('A parameter is wrong'),
          404: failure('There is no such thing'),
          503: failure('The store of boots is away'),
        },
      },
    },
  ]);
  return {
    openapi: '3.1.0',
    info: { title: 'Slipway', version: '1', description: 'Machines and their boots.' },
    servers: [{ url: '/api/v1' }],
    paths: { ...Object.fromEntries(paths), '/events': EVENTS },
  };
}
