/**
 * The client of the npm package `dhcp`, to be run inside a namespace:
 * `node --import tsx test/support/npm-dhcp-client.ts MAC [VENDOR-CLASS]`. Prints one JSON object per message that its own
 * parser makes of what comes. With a vendor class it only asks; without one it goes on to request a lease.
 */
import type { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';

interface Client extends EventEmitter {
  listen(port: number, host: string, done: () => void): void;
  sendDiscover(): void;
  _send(host: string, message: { flags: number; options: Record<number, unknown> }): void;
}

const dhcp = createRequire(import.meta.url)('dhcp') as { createClient(config: object): Client };
const [mac = '', vendorClass] = process.argv.slice(2);
const client = dhcp.createClient({ mac });
const print = (object: object): void => console.log(JSON.stringify(object));

client.on('message', (message: object) => print({ event: 'message', ...message }));
client.on('error', (error: Error) => print({ event: 'error', message: String(error) }));
// Without the broadcast flag an OFFER goes to the offered address, which this host does not have.
const send = client._send.bind(client);
client._send = (host, message) => {
  const { options } = message;
  if (vendorClass === undefined) send(host, { ...message, flags: 0x8000 });
  else if (options[53] === 1) send(host, { ...message, flags: 0x8000, options: { ...options, 60: vendorClass } });
};
client.listen(68, '0.0.0.0', () => client.sendDiscover());
