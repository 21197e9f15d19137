import type { Config } from '../model/config.ts';
import type { RecordEvent } from '../model/event.ts';
import type { DescriptorOf, SendNow } from '../model/sockets/datagrams.ts';
import type { DhcpIdentity } from './decide.ts';

/** What the DHCP server needs from outside. */
export interface DhcpServerOptions {
  /** The IPv4 address to listen on and to send from. */
  readonly address: string;
  /** The network interface whose broadcasts are heard; those of all where it is undefined. */
  readonly device?: string | undefined;
  /** What the ways below take a socket by. */
  readonly descriptorOf?: DescriptorOf | undefined;
  /** The way to hear no others, where there is one: by the descriptor of a socket; false where the system refuses. */
  readonly bindToDevice?: ((socket: number, device: string) => boolean) | undefined;
  /** Tells of an interface that was made anew, which no socket is bound to any more. Returns how to end that. */
  readonly watchDevice?: ((device: string, renewed: () => void) => () => void) | undefined;
  /** The configuration in force; asked once per packet. */
  readonly config: () => Config;
  /** Who the server is by now; its address is `address`. Asked once per packet. */
  readonly identity: () => DhcpIdentity;
  readonly record: RecordEvent;
  /** Where there is a way beyond the system's limit: enlarges the receive buffer of a socket, by its descriptor. */
  readonly growReceiveBuffer?: ((socket: number, bytes: number) => void) | undefined;
  /** A quicker way to send, where there is one. */
  readonly sendNow?: SendNow | undefined;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** A proxyDHCP server at work. */
export interface DhcpServer {
  /** `ADDRESS:PORT` of each port that is served; 67 is missing where another DHCP server keeps it to itself. */
  readonly listening: readonly string[];
  /** Closes all sockets. */
  stop(): Promise<void>;
}
