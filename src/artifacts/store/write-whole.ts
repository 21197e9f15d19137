import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';

/** How the names of files end that are being written, and so those that a killed process leaves. */
export const TEMPORARY = '.new';

/**
 * Writes a file in one step: a reader sees the old one or the new one. Another process, such as `slipway script`, may
 * write its own at the same time.
 * @throws the operating system's error
 */
export async function writeWhole(file: string, data: string | Uint8Array): Promise<void> {
  const temporary = `${file}.${randomUUID()}${TEMPORARY}`;
  try {
    await writeFile(temporary, data);
    await rename(temporary, file);
  } catch (error) {
    // What hindered the writing may hinder this too; the first error tells more.
    await rm(temporary, { force: true }).catch(() => {});
    throw error;
  }
}
