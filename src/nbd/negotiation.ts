import {
  CLIENT_FLAG,
  INFO,
  LONGEST_NAME,
  LONGEST_READ,
  OPTION_HEADER_LENGTH,
  OPTION_MAGIC,
  OPTION_REPLY_MAGIC,
  TRANSMISSION_FLAGS,
} from './protocol.ts';

/** The preferred block size, bytes: that of dm-verity. */
const PREFERRED_BLOCK = 4096;

/** Reads the client's flags (4 bytes); undefined for flags that this server does not support. */
export function readClientFlags(bytes: Buffer): { readonly zeroes: boolean } | undefined {
  const flags = bytes.readUInt32BE(0);
  const known = CLIENT_FLAG.fixedNewstyle | CLIENT_FLAG.noZeroes;
  if ((flags & ~known) !== 0 || (flags & CLIENT_FLAG.fixedNewstyle) === 0) return undefined;
  return { zeroes: (flags & CLIENT_FLAG.noZeroes) === 0 };
}

/** Reads an option's header (16 bytes); undefined for other bytes. `length` is that of the data that follows. */
export function readOptionHeader(bytes: Buffer): { readonly option: number; readonly length: number } | undefined {
  if (bytes.length < OPTION_HEADER_LENGTH || bytes.readBigUInt64BE(0) !== OPTION_MAGIC) return undefined;
  return { option: bytes.readUInt32BE(8), length: bytes.readUInt32BE(12) };
}

/** The data of NBD_OPT_INFO and NBD_OPT_GO. */
export interface InfoRequest {
  readonly name: string;
  /** The NBD_INFO types that the client asks for. */
  readonly wanted: readonly number[];
}

/** Reads the data of NBD_OPT_INFO or NBD_OPT_GO; undefined if its lengths do not agree. */
export function readInfoRequest(data: Buffer): InfoRequest | undefined {
  if (data.length < 6) return undefined;
  const nameLength = data.readUInt32BE(0);
  if (nameLength > LONGEST_NAME || data.length < 6 + nameLength) return undefined;
  const count = data.readUInt16BE(4 + nameLength);
  if (data.length !== 6 + nameLength + 2 * count) return undefined;
  const wanted = Array.from({ length: count }, (_, i) => data.readUInt16BE(6 + nameLength + 2 * i));
  return { name: data.toString('utf8', 4, 4 + nameLength), wanted };
}

/** One reply to an option. */
export function optionReply(option: number, type: number, data: Uint8Array = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(20);
  header.writeBigUInt64BE(OPTION_REPLY_MAGIC, 0);
  header.writeUInt32BE(option, 8);
  header.writeUInt32BE(type, 12);
  header.writeUInt32BE(data.length, 16);
  return Buffer.concat([header, data]);
}

/** The data of NBD_REP_SERVER: one export's name. */
export function serverData(name: string): Buffer {
  const bytes = Buffer.from(name);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length, 0);
  return Buffer.concat([length, bytes]);
}

/** The reply to NBD_OPT_EXPORT_NAME, which ends the negotiation. */
export function exportNameReply(size: number, zeroes: boolean): Buffer {
  const reply = Buffer.alloc(zeroes ? 10 + 124 : 10);
  reply.writeBigUInt64BE(BigInt(size), 0);
  reply.writeUInt16BE(TRANSMISSION_FLAGS, 8);
  return reply;
}

/** The data of the NBD_REP_INFO replies that an export gets: always its size, and its block sizes where asked for. */
export function infoData(size: number, wanted: readonly number[]): readonly Buffer[] {
  const about = Buffer.alloc(12);
  about.writeUInt16BE(INFO.export, 0);
  about.writeBigUInt64BE(BigInt(size), 2);
  about.writeUInt16BE(TRANSMISSION_FLAGS, 10);
  if (!wanted.includes(INFO.blockSize)) return [about];
  const blocks = Buffer.alloc(14);
  blocks.writeUInt16BE(INFO.blockSize, 0);
  blocks.writeUInt32BE(1, 2);
  blocks.writeUInt32BE(PREFERRED_BLOCK, 6);
  blocks.writeUInt32BE(LONGEST_READ, 10);
  return [about, blocks];
}
