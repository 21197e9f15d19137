import { describe, expect, it } from 'vitest';
import { configuredHost, isTag, repositoryOf, urlOf } from '../../../src/images/mirror/reference.ts';

describe('a repository', () => {
  it.each([
    ['docker.io', 'debian', 'library/debian'],
    ['docker.io', 'grafana/grafana', 'grafana/grafana'],
    ['quay.io', 'debian', 'debian'],
    ['quay.io', 'a/b-c/d__e/f.g', 'a/b-c/d__e/f.g'],
  ])('%s %s is %s', (host, name, expected) => {
    expect(repositoryOf(host, name)).toEqual({ host, name: expected });
  });

  it.each([
    '',
    'A',
    'a/',
    '/a',
    'a//b',
    '../a',
    'a/../b',
    'a b',
    'a?x',
    'a%2fb',
    'a#b',
    '-a',
    'a___b',
    'a'.repeat(256),
  ])('%j is none', (name) => {
    expect(repositoryOf('quay.io', name)).toBeUndefined();
  });
});

it('has the URL of its registry', () => {
  const path = 'manifests/latest';
  expect(urlOf({ host: 'docker.io', name: 'library/debian' }, false, path).href).toBe(
    'https://registry-1.docker.io/v2/library/debian/manifests/latest',
  );
  expect(urlOf({ host: 'a.example:5000', name: 'x' }, true, path).href).toBe(
    'http://a.example:5000/v2/x/manifests/latest',
  );
});

it.each([
  [['a.example:5000'], 'a.example:5000', 'a.example:5000'],
  [['a.example:5000'], 'a.example', 'a.example:5000'],
  [['a.example:5000', 'a.example'], 'a.example', 'a.example'],
  [['a.example:5000', 'a.example:5001'], 'a.example', undefined],
  [['a.example'], 'a.example:5000', undefined],
  [['a.example'], 'a', undefined],
  [['a.example'], '', undefined],
])('of %j, %j means %j', (hosts, asked, expected) => {
  expect(configuredHost(hosts, asked)).toBe(expected);
});

it.each([
  ['latest', true],
  ['1.0-rc_1', true],
  ['_', true],
  ['', false],
  ['.a', false],
  ['a/b', false],
  ['a:b', false],
  ['a'.repeat(129), false],
])('%j as a tag: %j', (text, expected) => {
  expect(isTag(text)).toBe(expected);
});
