/** DHCP option codes, with the document that defines each. */
export const Option = {
  /** One octet of filling (RFC 2132 section 3.1). */
  PAD: 0,
  /** Vendor-specific information; for PXEClient the options of PXE 2.1 table 2-1 (RFC 2132 section 8.4). */
  VENDOR: 43,
  /** Requested IP address (RFC 2132 section 9.1). */
  REQUESTED_ADDRESS: 50,
  /** `file` (1), `sname` (2) or both (3) hold options as well (RFC 2132 section 9.3). */
  OVERLOAD: 52,
  /** DHCP message type (RFC 2132 section 9.6). */
  MESSAGE_TYPE: 53,
  /** Server identifier (RFC 2132 section 9.7). */
  SERVER_ID: 54,
  /** The longest message that the client takes (RFC 2132 section 9.10). */
  MAX_SIZE: 57,
  /** Vendor class identifier (RFC 2132 section 9.13). */
  VENDOR_CLASS: 60,
  /** Client identifier (RFC 2132 section 9.14, RFC 4361). */
  CLIENT_ID: 61,
  /** TFTP server name (RFC 2132 section 9.4). */
  TFTP_SERVER: 66,
  /** Boot file name (RFC 2132 section 9.5). */
  BOOT_FILE: 67,
  /** User class (RFC 3004). */
  USER_CLASS: 77,
  /** Relay agent information (RFC 3046). */
  RELAY_AGENT: 82,
  /** Client system architecture types (RFC 4578 section 2.1). */
  ARCH: 93,
  /** Client network interface identifier: type, major, minor (RFC 4578 section 2.2). */
  NDI: 94,
  /** Client machine identifier: type 0 and a GUID (RFC 4578 section 2.3). */
  MACHINE_ID: 97,
  /** Options of iPXE inside one option (ipxe.org/howto/dhcpd). */
  IPXE: 175,
  /** End of the options (RFC 2132 section 3.2). */
  END: 255,
} as const;

/** Options inside option 43 of PXEClient (PXE 2.1 table 2-1). */
export const PxeOption = {
  DISCOVERY_CONTROL: 6,
  BOOT_MENU: 9,
  MENU_PROMPT: 10,
  BOOT_ITEM: 71,
} as const;

/** DHCP message types (RFC 2132 section 9.6). */
export const MessageType = { DISCOVER: 1, OFFER: 2, REQUEST: 3, ACK: 5, INFORM: 8 } as const;

/** Options by code in the order of their first appearance; each with all its octets, however often it was split. */
export type Options = ReadonlyMap<number, Uint8Array>;

/** Options as far as they could be read. */
export interface DecodedOptions {
  readonly options: Options;
  /** The first malformed option, in words. It and the rest of its field are missing. */
  readonly malformed?: string;
}

/**
 * Reads the options of several fields as if they were one, so that an option split across them is whole again (RFC 3396
 * section 7). Pad octets are skipped; a field may lack its end mark, and ends with an option that runs past its end:
 * firmware exists that counts wrongly there. Also reads the options inside option 43 or 175, which have the same form.
 */
export function decodeOptions(...fields: readonly Uint8Array[]): DecodedOptions {
  const options = new Map<number, Uint8Array>();
  const split = new Map<number, Uint8Array[]>();
  let malformed: string | undefined;
  for (const field of fields) {
    let at = 0;
    while (at < field.length) {
      const code = field[at++];
      if (code === undefined || code === Option.END) break;
      if (code === Option.PAD) continue;
      const length = field[at++];
      if (length === undefined || at + length > field.length) {
        malformed ??= length === undefined ? `option ${code} has no length` : `option ${code} runs past the end`;
        break;
      }
      const part = field.subarray(at, at + length);
      at += length;
      const before = options.get(code);
      if (!before) options.set(code, part);
      else if (!split.get(code)?.push(part)) split.set(code, [before, part]);
    }
  }
  for (const [code, parts] of split) options.set(code, Uint8Array.from(Buffer.concat(parts)));
  return malformed === undefined ? { options } : { options, malformed };
}

/** Writes options with their end mark; those longer than 255 octets are split (RFC 3396 section 5). */
export function encodeOptions(options: Options): Uint8Array {
  let length = 1;
  for (const data of options.values()) length += data.length + 2 * Math.max(1, Math.ceil(data.length / 255));
  const out = new Uint8Array(length);
  let end = 0;
  for (const [code, data] of options) {
    let at = 0;
    do {
      const part = data.length <= 255 ? data : data.subarray(at, at + 255);
      out[end++] = code;
      out[end++] = part.length;
      out.set(part, end);
      end += part.length;
      at += 255;
    } while (at < data.length);
  }
  out[end] = Option.END;
  return out;
}
