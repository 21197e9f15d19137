import { z } from 'zod';
import { OPERATIONS, type Operation } from './operations.ts';
import { change, problem } from './schemas.ts';

/** A JSON Schema of OpenAPI 3.1, which takes the dialect 2020-12. */
function schema(type: z.ZodType, io: 'input' | 'output' = 'output'): object {
  const { $schema: _, ...rest } = z.toJSONSchema(type, { io });
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

function described(operation: Operation): object {
  const { summary, method, body, answer } = operation;
  const isRead = method === 'GET';
  return {
    summary,
    parameters: parametersOf(operation),
    ...(body && {
      requestBody: { required: true, content: { 'application/json': { schema: schema(body, 'input') } } },
    }),
    // The empty one: reading may be open to all.
    security: isRead ? [{}, { token: [] }] : [{ token: [] }],
    responses: {
      200: { description: 'The answer', content: json(answer) },
      400: failure('A parameter is wrong'),
      401: failure('A token is needed, or this one is not known'),
      ...(isRead ? {} : { 403: failure('The token only reads') }),
      404: failure('There is no such thing'),
      503: failure('The store of boots is away'),
    },
  };
}

/** The OpenAPI 3.1 description of the API, made from the schemas that it is checked by. */
export function openApi(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of OPERATIONS) {
    const { path, method } = operation;
    paths[path] = { ...paths[path], [method.toLowerCase()]: described(operation) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Slipway', version: '1', description: 'Machines and their boots; changes need a token.' },
    servers: [{ url: '/api/v1' }],
    paths: { ...paths, '/events': EVENTS },
    components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
  };
}
