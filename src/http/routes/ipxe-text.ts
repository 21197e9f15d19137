/** Longest line of a message on a machine's screen. */
const WIDTH = 300;

/**
 * Makes a text safe for one line of an iPXE script: `${...}`, `&&`, `||` and `#` have a meaning there, and anything but
 * printable ASCII may have one on a terminal.
 */
export function ipxeLine(text: string): string {
  return text.replace(/[^\x20-\x7e]|[$&|#\\]/g, '?').slice(0, WIDTH);
}

/**
 * A body for an error: a person with curl reads it, and an iPXE that runs it in spite of its status prints the message
 * and goes on with the next boot device.
 */
export function ipxeMessage(...lines: readonly string[]): string {
  return `#!ipxe\n${lines.map((line) => `echo Slipway: ${ipxeLine(line)}\n`).join('')}exit 1\n`;
}
