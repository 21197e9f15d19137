/** A machine's firmware, as far as it decides which boot program fits. */
export type Firmware =
  | 'bios'
  | 'efi-ia32'
  | 'efi-x64'
  | 'efi-arm32'
  | 'efi-arm64'
  | 'efi-riscv32'
  | 'efi-riscv64'
  | 'efi-riscv128'
  | 'efi-loong32'
  | 'efi-loong64';

/** How a client of one architecture number fetches its boot program. */
export interface ClientArch {
  readonly firmware: Firmware;
  /** `http` for UEFI HTTP boot, whose clients expect a URL and another vendor class. */
  readonly transport: 'tftp' | 'http';
}

const tftp = (firmware: Firmware): ClientArch => ({ firmware, transport: 'tftp' });
const http = (firmware: Firmware): ClientArch => ({ firmware, transport: 'http' });

/**
 * IANA "Processor Architecture Types" (RFC 5970 section 3.3, option 93).
 * RFC 4578 swapped 7 (x64) and 9 (EBC); firmware in the field sends either for x64, so 9 gets the x64 binary too.
 */
const ARCHITECTURES: ReadonlyMap<number, ClientArch> = new Map([
  [0, tftp('bios')],
  [6, tftp('efi-ia32')],
  [7, tftp('efi-x64')],
  [9, tftp('efi-x64')],
  [10, tftp('efi-arm32')],
  [11, tftp('efi-arm64')],
  [15, http('efi-ia32')],
  [16, http('efi-x64')],
  [17, http('efi-x64')],
  [18, http('efi-arm32')],
  [19, http('efi-arm64')],
  [20, http('bios')],
  [25, tftp('efi-riscv32')],
  [26, http('efi-riscv32')],
  [27, tftp('efi-riscv64')],
  [28, http('efi-riscv64')],
  [29, tftp('efi-riscv128')],
  [30, http('efi-riscv128')],
  [37, tftp('efi-loong32')],
  [38, http('efi-loong32')],
  [39, tftp('efi-loong64')],
  [40, http('efi-loong64')],
]);

/** The firmware for an architecture number of option 93; undefined if there is no boot program for it. */
export function clientArch(code: number): ClientArch | undefined {
  return ARCHITECTURES.get(code);
}
