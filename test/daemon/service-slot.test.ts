import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Plan, ServiceSlot } from '../../src/daemon/services/service-slot.ts';
import { listenTcp } from '../../src/model/sockets/listen.ts';

let slot: ServiceSlot;
let happened: string[];

beforeEach(() => {
  slot = new ServiceSlot(0);
  happened = [];
});
afterEach(() => slot.stop());

/** A plan that listens on a port of a loopback address. */
function plan(key: string, address: string, port: number): Plan {
  return {
    key,
    start: async () => {
      const server = createServer();
      await listenTcp(server, { service: 'TEST', address, port, remedy: '' });
      happened.push(`start ${key}`);
      const stop = async () => {
        happened.push(`stop ${key}`);
        server.close();
        await once(server, 'close');
      };
      return { listening: [key], stop };
    },
  };
}
const failing: Plan = { key: 'failing', start: () => Promise.reject(new Error('no such thing')) };

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

describe('a service of several parts', () => {
  it('does not disturb a part that stays', async () => {
    const [a, b] = [plan('a', '127.0.0.1', 0), plan('b', '127.0.0.2', 0)];
    await slot.put([a]);
    await slot.put([b, a]);
    expect(slot.listening).toEqual(['b', 'a']);
    await slot.put([b]);
    await slot.put([]);
    expect(happened).toEqual(['start a', 'start b', 'stop a', 'stop b']);
  });

  it('ends the old parts first only where a new one needs their port', async () => {
    const port = await freePort();
    await slot.put([plan('a', '127.0.0.1', port), plan('b', '127.0.0.2', port)]);
    await slot.put([plan('all', '0.0.0.0', port)]);
    expect(happened).toEqual(['start a', 'start b', 'stop a', 'stop b', 'start all']);
    await slot.put([plan('c', '127.0.0.1', 0)]);
    expect(happened.slice(5)).toEqual(['start c', 'stop all']);
  });

  it('goes on by the old plans where a new part cannot start, and its other new parts end', async () => {
    const port = await freePort();
    const old = [plan('a', '127.0.0.1', port), plan('b', '127.0.0.2', port)];
    await slot.put(old);
    await expect(slot.put([plan('c', '127.0.0.3', port), failing])).rejects.toThrow('no such thing');
    expect(slot.listening).toEqual(['a', 'b']);
    await expect(slot.put([plan('all', '0.0.0.0', port), failing])).rejects.toThrow('no such thing');
    expect(slot.listening).toEqual(['a', 'b']);
    expect(happened).toEqual([
      ...['start a', 'start b', 'start c', 'stop c'],
      ...['stop a', 'stop b', 'start all', 'stop all', 'start a', 'start b'],
    ]);
  });
});
