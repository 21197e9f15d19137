import type { RecordEvent } from '../model/event.ts';

/** Makes a function that warns of a missing boot file that a machine needs, once for each file. */
export function missingOnce(record: RecordEvent): (file: string) => void {
  const missing = new Set<string>();
  return (file) => {
    if (missing.has(file)) return;
    missing.add(file);
    record({
      event: 'dhcp.no-boot-file',
      level: 'warn',
      message: `a machine needs ${file}, which is not there: install iPXE's package for it, or put it into server.ipxe`,
      file,
    });
  };
}
