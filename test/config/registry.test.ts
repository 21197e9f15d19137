import { describe, expect, it } from 'vitest';
import { configOf, problemsOf } from './read.ts';

const HOST = 'the host of a registry, such as docker.io or registry.example.net:5000';
const of = (registry: string) => `server: { registry: ${registry} }\nnodes: {}\n`;
const GIB = 1024 ** 3;

describe('server.registry', () => {
  it.each([
    ['false', false],
    ['true', { mirrors: new Map(), tagsFor: 300, limit: 50 * GIB }],
    ['{}', { mirrors: new Map(), tagsFor: 300, limit: 50 * GIB }],
    [
      '{ mirrors: { docker.io: {}, "a.example:5000": { plain_http: true } }, tags_for: 60, limit: 2 GiB }',
      {
        mirrors: new Map([
          ['docker.io', { plainHttp: false, login: undefined }],
          ['a.example:5000', { plainHttp: true, login: undefined }],
        ]),
        ...{ tagsFor: 60, limit: 2 * GIB },
      },
    ],
    [
      '{ mirrors: { a.example: { username: u, password: !secret file:password } } }',
      {
        mirrors: new Map([['a.example', { plainHttp: false, login: { username: 'u', secret: 'file:password' } }]]),
        ...{ tagsFor: 300, limit: 50 * GIB },
      },
    ],
  ])('%s', (text, expected) => {
    expect(configOf(of(text)).server.registry).toEqual(expected);
  });

  it.each([
    [
      'yes',
      '1:21: server.registry: expected true, false, or a mapping such as { mirrors: { docker.io: {} } }, found "yes"',
    ],
    ['{ mirror: {} }', expect.stringMatching(/^1:23: .*"mirror".*"mirrors"/)],
    ['{ mirrors: { Docker.io: {} } }', expect.stringContaining(HOST)],
    ['{ mirrors: { "a.example/x": {} } }', expect.stringContaining(HOST)],
    ['{ mirrors: { a.example: { username: u } } }', expect.stringContaining('username and password, or neither')],
    [
      '{ mirrors: { a.example: { username: u, password: geheim } } }',
      expect.stringContaining('expected a secret: !secret file:PATH or !secret env:NAME'),
    ],
    ['{ mirrors: { a.example: { token: u } } }', expect.stringMatching(/^1:47: .*"token"/)],
    ['{ tags_for: 0 }', expect.stringContaining('a whole number of seconds from 1 to 604800')],
    ['{ limit: much }', expect.stringContaining('an amount of disk space such as 512 MiB or 2 GiB')],
    ['{ limit: !secret env:A }', expect.stringContaining('a secret is for values below "configuration:"')],
  ])('%s is a mistake', (text, expected) => {
    expect(problemsOf(of(text))).toEqual([expected]);
  });
});
