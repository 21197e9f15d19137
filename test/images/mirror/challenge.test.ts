import { describe, expect, it } from 'vitest';
import { parseChallenge, parseToken, tokenUrl } from '../../../src/images/mirror/challenge.ts';

describe('a challenge', () => {
  it('names the token service, as docker.io does', () => {
    const header = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:x:pull"';
    const challenge = parseChallenge(header);
    expect(challenge).toEqual({
      ...{ scheme: 'bearer', realm: new URL('https://auth.docker.io/token'), service: 'registry.docker.io' },
    });
    if (challenge?.scheme !== 'bearer') throw new Error('no token');
    expect(tokenUrl(challenge, 'library/debian').href).toBe(
      'https://auth.docker.io/token?service=registry.docker.io&scope=repository%3Alibrary%2Fdebian%3Apull',
    );
  });

  it.each([
    ['Basic realm="x"', { scheme: 'basic' }],
    ['basic', { scheme: 'basic' }],
    [
      'bearer realm=https://a.example/t',
      { scheme: 'bearer', realm: new URL('https://a.example/t'), service: undefined },
    ],
    ['Bearer', undefined],
    ['Bearer realm="file:///etc/passwd"', undefined],
    ['Bearer realm="https://"', undefined],
    ['Negotiate', undefined],
    ['', undefined],
    [`Bearer realm="https://a.example/${'x'.repeat(5000)}"`, undefined],
  ])('%j', (header, expected) => {
    expect(parseChallenge(header)).toEqual(expected);
  });
});

it.each([
  ['{"token":"abc"}', { token: 'abc', seconds: 60 }],
  ['{"access_token":"a.b-c_d==","expires_in":300}', { token: 'a.b-c_d==', seconds: 300 }],
  ['{"token":"abc","expires_in":1e9}', { token: 'abc', seconds: 3600 }],
  ['{"token":"abc","expires_in":"x"}', { token: 'abc', seconds: 60 }],
  ['{"token":"a\\r\\nX-Header: b"}', undefined],
  ['{"token":""}', undefined],
  ['{"token":7}', undefined],
  ['{}', undefined],
  ['null', undefined],
  ['<html>', undefined],
])('the token of %s', (text, expected) => {
  expect(parseToken(text)).toEqual(expected);
});
