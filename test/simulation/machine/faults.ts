import type { Boots } from '../world/served.ts';
import type { Kind } from './machine.ts';

/** Something that is wrong with a machine, or around it. */
export interface Fault {
  readonly name: keyof typeof FAULTS;
  /** The rules of the diagnosis that name it: one of them is enough. */
  readonly rules: readonly string[];
  /**
   * Rules that name it as well where the daemon was away when the machine fell silent, or went away up to so many seconds
   * after that: what came last is lost, and the machine does not say it again.
   */
  readonly cut: Readonly<Record<string, number>>;
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
  more?: Partial<Pick<Fault, 'also' | 'cut' | 'kinds' | 'boots' | 'comesUp'>>,
];

/** A crash loses the steps that were not written yet, some 100 ms of them, and a step that nobody waits for. */
const MOMENT = 0.2;
/** So long a transfer goes on whose last ACK was lost (src/tftp/limits.ts): only its end tells that the file arrived. */
const UNTIL_GIVEN_UP = 31;
/** Of machines that fall silent when they have iPXE. */
const IPXE_CUT = {
  'boot-file-silent': UNTIL_GIVEN_UP,
  'no-boot-server-request': MOMENT,
  'boot-server-silent': MOMENT,
  'http-boot-silent': MOMENT,
};

/** The faults, each with the rule that names it. A machine that restarts again and again is in a loop besides. */
const FAULTS = {
  /** Another DHCP server sends option 60, so that firmware asks its port 4011. */
  'other-boot-server': ['no-boot-server-request', { kinds: UEFI }],
  /** Another DHCP server, or an old lease, names another boot file. */
  'old-boot-file': ['boot-file-missing', { kinds: TFTP }],
  /** Secure Boot: iPXE is fetched, and not started. */
  'secure-boot': ['ipxe-silent', { kinds: [...UEFI, 'uefi-http'], cut: IPXE_CUT }],
  /** iPXE has no driver for the network card. */
  'no-nic-driver': ['ipxe-silent', { kinds: [...TFTP, 'uefi-bypass'], cut: IPXE_CUT }],
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
  'kernel-hangs': ['kernel-silent', { cut: { 'kernel-only': MOMENT } }],
  'initrd-too-big': ['kernel-only', { cut: { 'script-silent': MOMENT } }],
  /** It is for another architecture, or not signed: iPXE fetches it and does not take it. */
  'foreign-kernel': ['kernel-refused', { also: ['boot-loop'] }],
  'system-hangs': ['never-up', { cut: { 'unpack-stalled': MOMENT, 'root-stalled': MOMENT } }],
  'failed-units': ['failed-units', { comesUp: true }],
  'ignored-node': ['ignored', { boots: 'ignore' }],
  'no-such-node': ['unknown-machine', { boots: undefined }],
} satisfies Record<string, Row>;

/** All faults. */
export const ALL_FAULTS: readonly Fault[] = Object.entries(FAULTS).map(([name, row]) => {
  const [rule, more = {}] = row as Row;
  const boots = 'boots' in more ? more.boots : 'image';
  return { also: [], cut: {}, comesUp: false, ...more, boots, name: name as Fault['name'], rules: [rule].flat() };
});
