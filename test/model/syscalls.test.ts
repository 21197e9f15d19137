import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { udpFd } from '../../src/model/sockets/socket-fd.ts';
import { openSyscalls, type Syscalls } from '../../src/model/sockets/syscalls.ts';

let syscalls: Syscalls;
let sockets: readonly [Socket, Socket];

const bound = async (address: string): Promise<Socket> => {
  const socket = createSocket('udp4');
  socket.bind(0, address);
  await once(socket, 'listening');
  return socket;
};

beforeEach(async () => {
  const opened = await openSyscalls();
  if (!opened.syscalls) throw new Error(opened.why);
  syscalls = opened.syscalls;
  sockets = [await bound('127.0.0.1'), await bound('127.1.2.253')];
});
afterEach(() => {
  for (const socket of sockets) socket.close();
});

const descriptor = (socket: Socket): number => udpFd(socket) ?? Number.NaN;

it('sends a datagram at once to an address and a port', async () => {
  const [from, to] = sockets;
  const arrived = once(to, 'message');
  expect(syscalls.sendNow(descriptor(from), Buffer.from('hello'), '127.1.2.253', to.address().port)).toBe(true);
  const [bytes, sender] = await arrived;
  expect(String(bytes)).toBe('hello');
  expect(sender).toMatchObject({ address: '127.0.0.1', port: from.address().port });
});

it('says so where the kernel does not take a datagram', async () => {
  const [from, to] = sockets;
  const { port } = to.address();
  // Without permission to broadcast, too long for UDP, no socket.
  expect(syscalls.sendNow(descriptor(from), Buffer.from('x'), '255.255.255.255', port)).toBe(false);
  expect(syscalls.sendNow(descriptor(from), Buffer.alloc(70_000), '127.1.2.253', port)).toBe(false);
  expect(syscalls.sendNow(1_000_000, Buffer.from('x'), '127.1.2.253', port)).toBe(false);
});

it('knows no descriptor of a socket that is closed', async () => {
  const socket = await bound('127.0.0.1');
  expect(udpFd(socket)).toBeGreaterThan(2);
  socket.close();
  expect(udpFd(socket)).toBeUndefined();
});
