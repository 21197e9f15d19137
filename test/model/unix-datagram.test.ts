import { expect, test } from 'vitest';
import { openUnixDatagram, unixAddress } from '../../src/model/sockets/unix-datagram.ts';
import { start } from '../support/process.ts';

/** Receives two datagrams at an abstract address, and prints each. */
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("\\0" + sys.argv[1])
print("bound", flush=True)
for _ in range(2): print(repr(s.recv(100)), flush=True)
`;

test('datagrams reach a socket, each as it was sent', async () => {
  const name = `slipway-test-${process.pid}`;
  const receiver = start('python3', ['-c', RECEIVER, name]);
  await receiver.until(/bound/);
  const socket = await openUnixDatagram(`@${name}`);
  expect(socket.send(Buffer.from('READY=1'))).toBe(0);
  expect(socket.send(Buffer.from('a\nb'))).toBe(0);
  await receiver.until(/b'READY=1'\nb'a\\nb'/);
});

test('a socket that nobody has is an error that is told at once', async () => {
  expect((await openUnixDatagram('/no/such/socket')).send(Buffer.from('x'))).toBe(-2);
  expect(() => unixAddress('/'.repeat(108))).toThrow(/at most 107/);
});
