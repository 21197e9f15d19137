import type { Boots } from '../world/served.ts';
import type { Kind } from './machine.ts';

/** Something that is wrong with a machine, or around it. */
export interface Fault {
  readonly name: keyof typeof FAULTS;
  /** The rules of the diagnosis that name it: one of them is enough. */
  readonly rules: readonly string[];
  /** Rules that may show too, while the machine is on its way to the fault once more. */
  readonly also: readonly string[];
  /** The kinds of firmware that can have it; all where it is left out. */
  readonly kinds?: readonly Kind[];
  /** What the configuration has it boot; undefined where no node names it. */
  readonly boots: Boots | undefined;
  /** Whether it comes up all the same. */
  readonly comesUp: boolean;
}

const TFTP: readonly Kind[] = ['bios', 'uefi', 'arm64'];
const UEFI: readonly Kind[] = ['uefi', 'arm64'];

type Row = readonly [
  rule: string | readonly string[],
  more?: Partial<Pick<Fault, 'also' | 'kinds' | 'boots' | 'comesUp'>>,
];

/** The faults, each with the rule that names it. A machine that restarts again and again is in a loop besides. */
const FAULTS = {
  /** Another DHCP server sends option 60, so that firmware asks its port 4011. */
  'other-boot-server': ['no-boot-server-request', { kinds: UEFI }],
  /** Another DHCP server, or an old lease, names another boot file. */
  'old-boot-file': ['boot-file-missing', { kinds: TFTP }],
  /** Secure Boot: iPXE is fetched, and not started. */
  'secure-boot': ['ipxe-silent', { kinds: [...UEFI, 'uefi-http'] }],
  /**
   * iPXE has no driver for the network card. Where the daemon did not hear which address the machine has, or lost the
   * steps in a crash, it knows of no download.
   */
  'no-nic-driver': [['ipxe-silent', 'no-boot-server-request'], { kinds: [...TFTP, 'uefi-bypass'] }],
  'small-mtu': ['boot-file-same-block', { kinds: UEFI, also: ['boot-file-timeouts'] }],
  'tftp-blocked': ['boot-file-timeouts', { kinds: TFTP }],
  'no-plain-http': ['http-boot-silent', { kinds: ['uefi-http'] }],
  'http-blocked': ['script-unreachable'],
  'wrong-digest': ['wrong-digest', { also: ['boot-loop'] }],
  'little-memory': ['no-memory', { also: ['boot-loop'] }],
  'root-gone': ['root-gone', { also: ['boot-loop'] }],
  'root-breaks-off': ['root-breaks-off', { also: ['boot-loop'] }],
  'no-dhcp-in-initrd': ['kernel-silent', { also: ['boot-loop'] }],
  'no-script': ['script-unavailable', { boots: 'gone', also: ['boot-loop'] }],
  'kernel-gone': ['kernel-gone', { boots: 'expired', also: ['boot-loop'] }],
  'panic-loop': ['boot-loop'],
  // A crash of the daemon may lose the step before it.
  'kernel-hangs': [['kernel-silent', 'kernel-only']],
  'initrd-too-big': ['kernel-only'],
  /** It is for another architecture, or not signed: iPXE fetches it and does not take it. */
  'foreign-kernel': ['kernel-refused', { also: ['boot-loop'] }],
  // Its last report may be lost: nothing waits for it.
  'system-hangs': [['never-up', 'unpack-stalled']],
  'failed-units': ['failed-units', { comesUp: true }],
  'ignored-node': ['ignored', { boots: 'ignore' }],
  'no-such-node': ['unknown-machine', { boots: undefined }],
} satisfies Record<string, Row>;

/** All faults. */
export const ALL_FAULTS: readonly Fault[] = Object.entries(FAULTS).map(([name, row]) => {
  const [rule, more = {}] = row as Row;
  const boots = 'boots' in more ? more.boots : 'image';
  return { also: [], comesUp: false, ...more, boots, name: name as Fault['name'], rules: [rule].flat() };
});
