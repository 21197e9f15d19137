import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { plainMessage } from '../../src/model/plain-error.ts';

test("the file system's errors are told in words, others as they are", () => {
  const caught = (act: () => unknown): unknown => {
    try {
      return act();
    } catch (error) {
      return error;
    }
  };
  expect(plainMessage(caught(() => readFileSync('/nowhere/at/all')))).toBe('/nowhere/at/all: file not found');
  expect(plainMessage(caught(() => readFileSync('/')))).toMatch(/is a folder$/);
  expect(plainMessage(Object.assign(new Error('port 69 is in use'), { code: 'EACCES' }))).toBe('port 69 is in use');
  expect(plainMessage('text')).toBe('text');
});
