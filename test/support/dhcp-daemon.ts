/**
 * A proxyDHCP server of this project alone, to be run inside a namespace:
 * `node --import tsx test/support/dhcp-daemon.ts ADDRESS [FLAG...]`. Every machine boots, but for 52:54:00:00:00:99,
 * which is ignored. Prints one JSON object per event, `ready` first; on SIGUSR2 its memory. `bypass` as a flag tells
 * UEFI machines their boot file in the OFFER; `eth0` has it hear that interface alone, `no-kernel` without koffi,
 * and `only-there` allows it to hear no other.
 */

import { performance } from 'node:perf_hooks';
import { watchInterface } from '../../src/daemon/serving/identity.ts';
import { startDhcp } from '../../src/dhcp/server.ts';
import { KnownFacts } from '../../src/model/machine/known-facts.ts';
import { openSyscalls } from '../../src/model/sockets/syscalls.ts';
import { aConfig, aNode, ignored, mac, settings, sourced } from './config.ts';
import { anIdentity } from './dhcp.ts';

const [address = '127.0.0.1', ...flags] = process.argv.slice(2);
const config = aConfig(
  [aNode({ macs: [mac('52:54:00:00:00:99')], settings: ignored() })],
  settings({ discovery: sourced(flags.includes('bypass') ? 'bypass' : 'binl') }),
);
const identity = anIdentity({ address });
const syscalls = flags.includes('no-kernel') ? undefined : (await openSyscalls()).syscalls;
const print = (event: object): void => console.log(JSON.stringify(event));

try {
  const server = await startDhcp({
    address,
    config: () => config,
    facts: new KnownFacts(),
    identity: () => identity,
    record: print,
    onlyThere: flags.includes('only-there'),
    device: flags.find((flag) => flag.startsWith('eth')),
    syscalls,
    watchDevice: watchInterface,
    now: () => performance.now(),
  });
  process.on('SIGUSR2', () => print({ event: 'memory', rss: process.memoryUsage().rss }));
  process.once('SIGTERM', async () => {
    await server.stop();
    process.exit(0);
  });
  print({ event: 'ready', listening: server.listening });
} catch (error) {
  print({ event: 'failed', code: (error as { code?: string }).code, message: (error as Error).message });
  process.exit(1);
}
