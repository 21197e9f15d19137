import { COMMAND, ERROR, LONGEST_READ, REPLY_MAGIC, REQUEST_LENGTH, REQUEST_MAGIC } from './protocol.ts';

/** A request, and whether it is answered with bytes or an error. `skip`: length of the data to be skipped. */
export type Request =
  | { readonly kind: 'read'; readonly cookie: bigint; readonly offset: number; readonly length: number }
  | { readonly kind: 'answer'; readonly cookie: bigint; readonly error: number; readonly skip: number }
  | { readonly kind: 'disconnect' };

/**
 * Reads one request (28 bytes) to an export of `size` bytes.
 * @returns undefined where the bytes are no request, or announce too much data: then no further request can be read
 */
export function readRequest(bytes: Buffer, size: number): Request | undefined {
  if (bytes.length < REQUEST_LENGTH || bytes.readUInt32BE(0) !== REQUEST_MAGIC) return undefined;
  const flags = bytes.readUInt16BE(4);
  const command = bytes.readUInt16BE(6);
  const cookie = bytes.readBigUInt64BE(8);
  const offset = bytes.readBigUInt64BE(16);
  const length = bytes.readUInt32BE(24);
  const answer = (error: number, skip = 0) => ({ kind: 'answer', cookie, error, skip }) as const;
  switch (command) {
    case COMMAND.disconnect:
      return { kind: 'disconnect' };
    case COMMAND.write:
      return length > LONGEST_READ ? undefined : answer(ERROR.permission, length);
    case COMMAND.flush:
      return answer(ERROR.none);
    case COMMAND.read:
      // Flags have a meaning only with structured replies.
      if (flags !== 0 || length > LONGEST_READ || offset + BigInt(length) > BigInt(size)) return answer(ERROR.invalid);
      return { kind: 'read', cookie, offset: Number(offset), length };
    default:
      return answer(ERROR.invalid);
  }
}

/** The head of a reply to a request; the data of a read follows it. */
export function replyHead(cookie: bigint, error: number): Buffer {
  const head = Buffer.alloc(16);
  head.writeUInt32BE(REPLY_MAGIC, 0);
  head.writeUInt32BE(error, 4);
  head.writeBigUInt64BE(cookie, 8);
  return head;
}
