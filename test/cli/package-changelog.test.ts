import { expect, test } from 'vitest';
import { debianChangelog } from '../../scripts/packages/changelog.ts';

const CHANGELOG = `# Changelog

## Unreleased

- Something that nobody has yet.

## 0.2.0 — 2026-11-27

**Changed behaviour**

- A first change, of which so much is said that it takes a line of the changelog and then a second one
  of it.
- Another.

**New**

- A third.

## 0.1.0 — 2026-11-21

The first version:

- All.
`;

test('the releases are the entries of Debian’s changelog', () => {
  const text = debianChangelog(CHANGELOG, 'Somebody <somebody@example.org>');
  expect(text).toBe(`slipway (0.2.0-1) unstable; urgency=medium

  [ Changed behaviour ]
  * A first change, of which so much is said that it takes a line of the
    changelog and then a second one of it.
  * Another.

  [ New ]
  * A third.

 -- Somebody <somebody@example.org>  Fri, 27 Nov 2026 00:00:00 +0000

slipway (0.1.0-1) unstable; urgency=medium

  * The first version:
  * All.

 -- Somebody <somebody@example.org>  Sat, 21 Nov 2026 00:00:00 +0000
`);
});
