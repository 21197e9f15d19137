import { describe, expect, it } from 'vitest';
import { type Arrival, type ServerIdentities, servedBy } from '../../src/model/settings/served-by.ts';

const at = (address: string, url?: string) => ({ address, httpPort: 8080, url });

describe('the identity that answers', () => {
  it.each<[string, ServerIdentities, Arrival, number]>([
    ['is the only one', [at('192.0.2.1')], { local: '198.51.100.1', host: 'x' }, 0],
    ['is the first where nothing tells', [at('192.0.2.1'), at('198.51.100.1')], {}, 0],
    [
      'has the address that the request came to',
      [at('192.0.2.1'), at('198.51.100.1')],
      { local: '198.51.100.1', host: '192.0.2.1:8080' },
      1,
    ],
    [
      'has the address that the client used, where the request came through a proxy',
      [at('192.0.2.1'), at('198.51.100.1')],
      { local: '127.0.0.1', host: '198.51.100.1' },
      1,
    ],
    [
      'is the first for a client that used a name',
      [at('192.0.2.1'), at('198.51.100.1')],
      { local: '127.0.0.1', host: '[::1]:8080' },
      0,
    ],
    [
      'has the URL that the client used, although a proxy of this machine asks at another address',
      [at('192.0.2.1', 'http://a.example.net'), at('198.51.100.1', 'http://b.example.net:81')],
      { local: '192.0.2.1', host: 'B.example.net:81' },
      1,
    ],
    [
      'has the URL that the client used with its port, which is the usual one',
      [at('192.0.2.1', 'http://a'), at('198.51.100.1', 'https://b')],
      { local: '192.0.2.1', host: 'b:443' },
      1,
    ],
    [
      'has the address, of those with the same URL',
      [at('192.0.2.1', 'http://a'), at('198.51.100.1', 'http://a')],
      { local: '198.51.100.1', host: 'a' },
      1,
    ],
    [
      'has the address where its URL is of a proxy, and the client did not use that',
      [at('192.0.2.1', 'http://a'), at('198.51.100.1', 'http://b')],
      { local: '198.51.100.1', host: '198.51.100.1:8080' },
      1,
    ],
  ])('%s', (_, servers, arrival, index) => {
    expect(servedBy(servers, arrival)).toBe(servers[index]);
  });
});
