/**
 * The numbers of the NBD protocol that this server speaks: fixed newstyle negotiation and simple replies, as
 * https://github.com/NetworkBlockDevice/nbd/blob/master/doc/proto.md gives them. All integers are big-endian.
 */

/** Both magics that open a connection, and the server's handshake flags: fixed newstyle, no zeroes. */
export const GREETING = Buffer.from('4e42444d41474943' + '49484156454f5054' + '0003', 'hex');
/** "IHAVEOPT", before each option. */
export const OPTION_MAGIC = 0x49484156454f5054n;
export const OPTION_REPLY_MAGIC = 0x3e889045565a9n;
export const REQUEST_MAGIC = 0x25609513;
export const REPLY_MAGIC = 0x67446698;

/** Bytes of the messages of a client before their data. */
export const CLIENT_FLAGS_LENGTH = 4;
export const OPTION_HEADER_LENGTH = 16;
export const REQUEST_LENGTH = 28;

export const CLIENT_FLAG = { fixedNewstyle: 1, noZeroes: 2 } as const;

/** The flags are valid; read-only; several connections at once are safe. */
export const TRANSMISSION_FLAGS = 1 | 2 | 256;

export const OPTION = { exportName: 1, abort: 2, list: 3, info: 6, go: 7 } as const;

export const REPLY = {
  ack: 1,
  server: 2,
  info: 3,
  unsupported: 0x80000001,
  invalid: 0x80000003,
  unknown: 0x80000006,
} as const;

export const INFO = { export: 0, blockSize: 3 } as const;

export const COMMAND = { read: 0, write: 1, disconnect: 2, flush: 3 } as const;

/** The errors of a reply to a request. */
export const ERROR = { none: 0, permission: 1, io: 5, invalid: 22 } as const;

/** The longest name of an export that the protocol allows, bytes. */
export const LONGEST_NAME = 4096;

/** The longest read, bytes: the limit that the protocol recommends. */
export const LONGEST_READ = 32 * 1024 * 1024;
