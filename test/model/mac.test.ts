import { expect, test } from 'vitest';
import { hyphenated, macOfBytes, parseMac } from '../../src/model/machine/mac.ts';

test.each([
  '52:54:00:00:00:0a',
  '52:54:00:00:00:0A',
  '52-54-00-00-00-0a',
  '52.54.00.00.00.0a',
  '5254.0000.000A',
  '52540000000a',
])('%s is the address 52:54:00:00:00:0a', (spelling) => {
  expect(parseMac(spelling)).toBe('52:54:00:00:00:0a');
});

test.each([
  '',
  'n001',
  '52:54:00:00:00',
  '52:54:00:00:00:0a:0b',
  '52:54-00:00:00:0a',
  '52:54:00:00:00:0g',
  '5:54:00:00:00:0a',
  ' 52:54:00:00:00:0a',
  '52:54:00:00:00:0a\n',
  '52540000000',
  '00'.repeat(5000),
])('%j is no address', (text) => {
  expect(parseMac(text)).toBeUndefined();
});

test('an InfiniBand port GUID and an IPoIB address are addresses too', () => {
  expect(parseMac('0002:c903:000a:6f01'.replaceAll(':', '.'))).toBe('00:02:c9:03:00:0a:6f:01');
  expect(parseMac('80'.repeat(20))).toHaveLength(59);
});

test('octets of a packet become the canonical spelling', () => {
  expect(macOfBytes(Uint8Array.of(0x52, 0x54, 0, 0, 0, 0x0a))).toBe('52:54:00:00:00:0a');
  expect(macOfBytes(Uint8Array.of(1, 2, 3))).toBeUndefined();
});

test('URLs carry hyphens', () => {
  const mac = parseMac('52540000000a');
  expect(mac && hyphenated(mac)).toBe('52-54-00-00-00-0a');
});
