import { describe, expect, it } from 'vitest';
import { WEBHOOK_EVENTS } from '../../src/model/settings/observe.ts';
import { configOf, problemsOf } from './read.ts';

describe('server.metrics', () => {
  it.each([
    ['{}', { nodes: false }],
    ['{ metrics: true }', { nodes: false }],
    ['{ metrics: { nodes: true } }', { nodes: true }],
    ['{ metrics: false }', false],
  ])('%s', (server, expected) => {
    expect(configOf(`server: ${server}\n`).server.metrics).toEqual(expected);
  });

  it('is nothing else', () => {
    expect(problemsOf('server: { metrics: yes }\n')).toEqual([expect.stringContaining('{ nodes: true }')]);
  });
});

describe('traces', () => {
  it('have a URL, and headers that may be secrets', () => {
    expect(configOf('{}\n').traces).toBeUndefined();
    const text = `traces:
  url: http://collector:4318
  headers: [{ name: authorization, value: !secret env:KEY }, { name: x-team, value: boot }]
`;
    expect(configOf(text).traces).toEqual({
      url: 'http://collector:4318/v1/traces',
      headers: new Map<string, unknown>([
        ['authorization', { secret: 'env:KEY' }],
        ['x-team', 'boot'],
      ]),
    });
    expect(configOf('traces: { url: "https://collector/otlp" }\n').traces?.url).toBe('https://collector/otlp');
  });

  it.each(['ftp://collector', 'http://user:password@collector', 'collector:4318', '!secret env:URL'])(
    'not %s',
    (url) => {
      expect(problemsOf(`traces: { url: ${JSON.stringify(url)} }\n`)).toHaveLength(1);
    },
  );
});

describe('webhooks', () => {
  it('have a URL that may be a secret, events, and a key', () => {
    const text = `webhooks:
  ops: { url: https://ops.example.net/hook, events: [boot.failed], secret: !secret file:key }
  chat: { url: !secret env:CHAT, secret: !secret env:KEY }
`;
    expect(configOf(text).webhooks).toEqual(
      new Map<string, unknown>([
        ['ops', { url: 'https://ops.example.net/hook', events: ['boot.failed'], secret: 'file:key' }],
        ['chat', { url: { secret: 'env:CHAT' }, events: WEBHOOK_EVENTS, secret: 'env:KEY' }],
      ]),
    );
  });

  it.each([
    ['{ url: http://a, secret: geheim }', 'expected a secret: !secret file:PATH or !secret env:NAME'],
    ['{ url: http://a }', 'secret'],
    ['{ url: http://a, events: [boot.upp], secret: !secret env:KEY }', 'boot.up'],
    ['{ url: a, secret: !secret env:KEY }', 'an http(s) URL'],
  ])('%s is a mistake', (webhook, message) => {
    expect(problemsOf(`webhooks: { ops: ${webhook} }\n`)).toEqual([expect.stringContaining(message)]);
  });
});
