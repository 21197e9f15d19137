/** What a program for UEFI is to be like. */
export interface PeSpec {
  /** Room for so many further sections' headers. */
  readonly free?: number;
  readonly signed?: boolean;
  /** Something to find in it. */
  readonly text?: string;
}

/** The least that is a PE32+ program, with one section. */
export function makePe({ free = 0, signed = false, text = '' }: PeSpec = {}): Buffer {
  const program = Buffer.alloc(0x600, 0xcc);
  program.fill(0, 0, 0x400);
  program.write('MZ', 0);
  program.writeUInt32LE(0x80, 0x3c);
  program.write('PE\0\0', 0x80);
  program.writeUInt16LE(1, 0x86);
  program.writeUInt16LE(0xf0, 0x94);
  const optional = 0x98;
  program.writeUInt16LE(0x20b, optional);
  program.writeUInt32LE(512, optional + 36);
  program.writeUInt32LE(0x188 + 40 * (1 + free), optional + 60);
  program.writeUInt32LE(0x1234, optional + 64);
  program.writeUInt32LE(16, optional + 108);
  if (signed) {
    program.writeUInt32LE(0x600, optional + 144);
    program.writeUInt32LE(0x100, optional + 148);
  }
  program.write('.text', 0x188);
  program.writeUInt32LE(0x180, 0x190);
  program.writeUInt32LE(0x4000, 0x194);
  program.write(`${text}\0`, 0x400, 'latin1');
  return program;
}
