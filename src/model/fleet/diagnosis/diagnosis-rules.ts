import type { BootStep, BootWithSteps, Stage } from '../boot.ts';

/** A rule of the diagnosis. The first that fits counts, so the special ones come first. */
export interface Rule {
  /** As in docs/diagnosis.md, where each has a row. */
  readonly name: string;
  /**
   * Whether it fits; a text is a detail for the message.
   * @param silence milliseconds since the boot's last step
   */
  readonly fits: (boot: BootWithSteps, silence: number) => boolean | string;
  /** What is stuck: one sentence, without a point at its end. */
  readonly says: string;
  readonly remedy: string;
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
/** How long the initrd waits for its network (120 s, network-lib.sh), and its kernel needs before. */
const NETWORK = 150 * SECOND;
/** Firmware asks again after 4, 8, 16 and 32 s (PXE 2.1), and a packet may be lost. */
const FIRMWARE = 30 * SECOND;

const isAt = ({ stage, outcome }: BootWithSteps, ...stages: readonly Stage[]): boolean =>
  outcome !== 'up' && stages.includes(stage);
const lastOf = ({ steps }: BootWithSteps, stage: Stage): BootStep | undefined =>
  steps.findLast((step) => step.stage === stage);
const failures = ({ steps }: BootWithSteps, ...stages: readonly Stage[]): readonly BootStep[] =>
  steps.filter(({ stage, happening }) => stages.includes(stage) && happening === 'failed');

const lastMessage = ({ steps }: BootWithSteps): string => steps.at(-1)?.message ?? '';

/** How transfers of the boot file ended, the oldest first; those that the server itself ended say nothing. */
const transferEnds = ({ steps }: BootWithSteps): readonly BootStep[] =>
  steps.filter(({ stage, happening, reason = '' }) => {
    return stage === 'boot-file' && happening !== 'begun' && !['stopped', 'replaced', 'busy'].includes(reason);
  });
const isTimeout = (step: BootStep | undefined): boolean =>
  step?.happening === 'failed' && (step.reason === 'client-gone' || step.reason === 'too-slow');

/** The last request was ignored, or failed, for a reason. */
const lastReason = (boot: BootWithSteps, reason: string): boolean => boot.steps.at(-1)?.reason === reason;

/** The initrd gave up, with a message that matches: gives the message. */
function gaveUp(pattern: RegExp): Rule['fits'] {
  return ({ outcome, steps }) => {
    // A report has no reason as a word; what the server saw fail has one.
    const last = steps.findLast(({ happening, reason }) => happening === 'failed' && reason === undefined);
    return outcome === 'failed' && last !== undefined && pattern.test(last.message) ? last.message : false;
  };
}

/** The machine came to a stage, and was silent since. */
function silentAt(stage: Stage, longest: number, more: (boot: BootWithSteps) => boolean = () => true): Rule['fits'] {
  return (boot, silence) => isAt(boot, stage) && silence > longest && more(boot);
}

/** All rules, in the order in which they are tried. */
export const RULES: readonly Rule[] = [
  // The booted system.
  {
    name: 'failed-units',
    fits: (boot) => boot.outcome === 'up' && lastMessage(boot).includes('failed units') && lastMessage(boot),
    says: 'the system is up, but for some services',
    remedy: 'Log in and read "systemctl --failed" and "journalctl -b".',
  },
  {
    name: 'claimed',
    fits: ({ steps }) => steps.findLast(({ reason }) => reason === 'claimed')?.message ?? false,
    says: 'another machine has asked for its script, and got no configuration',
    remedy: 'Find the machine with the same MAC address: a copied virtual machine, or somebody who looks for secrets.',
  },
  // The initrd, which says itself what failed.
  {
    name: 'no-driver',
    fits: gaveUp(/no driver in the initrd/),
    says: 'the initrd found no network card',
    remedy: "Make the initrd with the card's driver: without host-only mode, or with --add-drivers.",
  },
  {
    name: 'no-network',
    fits: gaveUp(/no route to/),
    says: 'the initrd got no network',
    remedy:
      'Check cable and switch (spanning tree delays), that DHCP answers the initrd too, and ip=dhcp in the arguments.',
  },
  {
    name: 'wrong-digest',
    fits: gaveUp(/wrong SHA-256 digest|is damaged/),
    says: 'bytes arrived that are not those of the image',
    remedy: 'Build or copy the image anew; if it is whole, test memory, disk and network card.',
  },
  {
    name: 'no-memory',
    fits: gaveUp(/does not fit into its memory|more memory|programs that unpack cannot/),
    says: 'the image needs more memory than the machine has',
    remedy: 'Take a root method that needs less (image, lazy), a smaller image, or more memory.',
  },
  {
    name: 'certificate',
    fits: gaveUp(/curl: \((?:35|51|60|77)\)/),
    says: "the server's certificate was refused",
    remedy: "Check the machine's clock, and that the initrd has the certificate's authority.",
  },
  {
    name: 'root-gone',
    fits: gaveUp(/error: (?:404|410)/),
    says: 'the root is no longer on the server',
    remedy: 'Restart the machine: it gets the version in force.',
  },
  {
    name: 'server-unreachable',
    fits: gaveUp(/curl: \((?:5|6|7|28)\)|no connection to/),
    says: 'the initrd cannot reach the server',
    remedy: 'Check the firewall, routes, and the address that nodes are told (server.address, server.http.url).',
  },
  {
    name: 'wrong-architecture',
    fits: gaveUp(/is not for this machine/),
    says: 'the image is for other machines',
    remedy: "Build the image for this machine's architecture, or choose another with image:.",
  },
  {
    name: 'no-init',
    fits: gaveUp(/^the image has no \//),
    says: 'the image has no init system',
    remedy: 'Install systemd-sysv (or another init) in the image, or name a program with init=.',
  },
  {
    name: 'missing-module',
    fits: gaveUp(/has no dracut module|cannot do what|has no .* in the initrd|lacks (?:jq|mkfs)/),
    says: 'the initrd was made without a part that this root needs',
    remedy: 'Make the initrd again with "dracut --add slipway" and the tools that the message names.',
  },
  {
    name: 'bad-archive',
    fits: gaveUp(/cannot be unpacked|no OCI archive|docker save|lacks (?:blob|layer)|cut short|labelled/),
    says: 'the archive cannot be used',
    remedy: 'Make it anew with "slipway image build" or "skopeo copy".',
  },
  // Downloads.
  {
    name: 'root-breaks-off',
    fits: (boot) => {
      const { length } = failures(boot, 'root').filter(({ reason }) => reason === 'broke-off');
      return isAt(boot, 'root') && length >= 3 && `${length} times`;
    },
    says: 'the download of the root breaks off',
    remedy: 'Look for a bad cable, a duplex mismatch, or a proxy that ends long transfers.',
  },
  {
    name: 'initrd-failed',
    fits: gaveUp(/./),
    says: 'the initrd gave up',
    remedy: 'Read its log: "slipway logs NODE"; set on_failure: shell for a look at the machine.',
  },
  {
    name: 'kernel-gone',
    fits: (boot) => {
      const last = failures(boot, 'kernel', 'initrd').at(-1);
      return isAt(boot, 'kernel', 'initrd') && /^http-4(?:04|10)$/.test(last?.reason ?? '');
    },
    says: 'kernel or initrd is no longer on the server',
    remedy: 'Restart the machine: it gets the version in force. If that does not help, look at "slipway script MAC".',
  },
  {
    name: 'kernel-breaks-off',
    fits: (boot) => isAt(boot, 'kernel', 'initrd') && failures(boot, 'kernel', 'initrd').length >= 2,
    says: 'iPXE cannot fetch kernel or initrd as a whole',
    remedy: 'Try ipxe: ipxe.efi in place of snponly.efi (or the other way), and look for a bad cable.',
  },
  {
    name: 'root-stalled',
    fits: silentAt('root', MINUTE, (boot) => lastOf(boot, 'root')?.happening !== 'done'),
    says: 'the root was begun and nothing was heard since',
    remedy: 'Look at the console; check the link, and the load of the server.',
  },
  {
    name: 'unpack-stalled',
    // Reports may be lost, and then the server's own download is all that is known of the root.
    fits: (boot, silence) =>
      (isAt(boot, 'verify', 'unpack') || (isAt(boot, 'root') && lastOf(boot, 'root')?.happening === 'done')) &&
      silence > 5 * MINUTE,
    says: 'the root arrived, and the initrd does not come to an end with it',
    remedy: 'Look at the console: it may lack memory and work at a crawl.',
  },
  {
    name: 'never-up',
    fits: (boot, silence) => isAt(boot, 'switch-root', 'configuration') && silence > 5 * MINUTE,
    says: 'the system was started, and never said that it is up',
    remedy: 'Look at the console for a service that waits. Images without systemd report nothing: that is all right.',
  },
  {
    name: 'initrd-silent',
    fits: silentAt('network', 2 * MINUTE),
    says: 'the initrd has its network, and fetches no root',
    remedy: 'Look at the console; check root= in "slipway script MAC".',
  },
  {
    name: 'kernel-silent',
    fits: (boot, silence) => isAt(boot, 'initrd') && lastOf(boot, 'initrd')?.happening === 'done' && silence > NETWORK,
    says: 'kernel and initrd were fetched, and nothing was heard since',
    remedy:
      'The kernel does not start (architecture, Secure Boot, too little memory for the initrd), its network card has no driver in the initrd, or no DHCP server answers the initrd. Add console=ttyS0 or tty0 and look.',
  },
  {
    name: 'kernel-refused',
    fits: (boot) =>
      isAt(boot, 'kernel') &&
      boot.steps.filter(({ stage, happening }) => stage === 'kernel' && happening === 'done').length >= 3,
    says: 'iPXE fetches the kernel again and again, and does not start it',
    remedy:
      'It is for another architecture, no kernel, or not signed for Secure Boot: "slipway check" looks at the file.',
  },
  {
    name: 'kernel-only',
    fits: silentAt('kernel', MINUTE),
    says: 'iPXE fetched the kernel and not the initrd',
    remedy: 'It may lack memory, or refuse the kernel: look at the console for an error of iPXE.',
  },
  // The script.
  {
    name: 'script-unavailable',
    fits: (boot) => isAt(boot, 'script') && lastReason(boot, 'unavailable') && lastMessage(boot),
    says: 'there is no script for it just now',
    remedy: 'Put the missing file there, or build the image: "slipway check" lists what is missing.',
  },
  {
    name: 'too-little-memory',
    fits: (boot) => isAt(boot, 'script') && lastReason(boot, 'memory') && lastMessage(boot),
    says: 'its script stopped: the image needs more memory',
    remedy: 'Take a root method that needs less (image, lazy), a smaller image, or more memory.',
  },
  {
    name: 'script-ignored',
    fits: (boot) => isAt(boot, 'script') && lastReason(boot, 'ignored'),
    says: 'iPXE asked for a script, and the configuration has this machine ignored',
    remedy: 'Add the machine to nodes:, or give unknown: another action.',
  },
  {
    name: 'menu-waiting',
    fits: silentAt('script', MINUTE, (boot) => lastOf(boot, 'script')?.reason === 'menu'),
    says: 'a menu is on its screen, and nobody has chosen',
    remedy: 'Choose there, or order what it boots (slipway boot); menu: { timeout: 30 } takes the default by itself.',
  },
  {
    name: 'script-silent',
    fits: silentAt('script', MINUTE, (boot) => lastOf(boot, 'script')?.happening === 'done'),
    says: 'iPXE has its script, and fetches nothing',
    remedy: 'A prompt or shell may wait on its screen; else check server.http.url, which the script names.',
  },
  {
    name: 'script-unreachable',
    fits: (boot, silence) =>
      isAt(boot, 'dhcp', 'boot-server', 'boot-file') && lastOf(boot, 'dhcp')?.reason === 'ipxe' && silence > MINUTE,
    says: 'iPXE was told the address of its script, and never asked for it',
    remedy: 'Check server.address, server.http.url and the firewall: port 8080 must be reachable from the machine.',
  },
  // The boot program.
  {
    name: 'boot-file-same-block',
    fits: (boot) => {
      const [last, before] = transferEnds(boot).toReversed();
      const stopped = isAt(boot, 'boot-file') && last?.reason === 'client-gone' && last.bytes !== undefined;
      return stopped && isTimeout(before) && last.bytes === before?.bytes && `after ${last.bytes} bytes`;
    },
    says: 'TFTP ends at the same place each time',
    remedy: 'Packets of that size do not get through: make the MTU of switches, VLANs and tunnels the same.',
  },
  {
    name: 'boot-file-missing',
    // Raspberry Pis and iPXE look for files that may be missing, and go on with others.
    fits: (boot, silence) =>
      isAt(boot, 'boot-file') && silence > 5 * SECOND && lastReason(boot, 'missing') && lastMessage(boot),
    says: 'it asks for a boot file that is not here',
    remedy:
      'Another DHCP server, or an old lease, names that file: remove its options 66 and 67 (next-server, filename).',
  },
  {
    name: 'boot-file-refused',
    fits: (boot) => isAt(boot, 'boot-file') && lastReason(boot, 'client-error') && lastMessage(boot),
    says: 'the firmware ended the download itself',
    remedy: 'Secure Boot refuses unsigned programs at this point; else the file may be too big for the firmware.',
  },
  {
    name: 'boot-file-timeouts',
    fits: (boot) => {
      const [last, before] = transferEnds(boot).toReversed();
      // After the second one it counts while the machine tries again, too.
      return isAt(boot, 'boot-file') && isTimeout(last) && (last === boot.steps.at(-1) || isTimeout(before));
    },
    says: 'the download of the boot file stopped: no answers came any more',
    remedy: 'A firewall drops the high UDP ports of TFTP, or packets are lost: check both ways.',
  },
  {
    name: 'ipxe-silent',
    // A request that came twice begins a transfer that is of no account.
    fits: silentAt('boot-file', MINUTE, (boot) => transferEnds(boot).at(-1)?.happening === 'done'),
    says: 'the firmware fetched iPXE, and nothing was heard since',
    remedy: 'Switch Secure Boot off, or try ipxe: ipxe.efi in place of snponly.efi: its network driver may not work.',
  },
  {
    name: 'boot-file-silent',
    // Each transfer has its end, unless the server had its own before.
    fits: silentAt('boot-file', 2 * MINUTE, (boot) => {
      const last = lastOf(boot, 'boot-file');
      return last?.happening === 'begun' || last?.reason === 'stopped';
    }),
    says: 'the server was stopped while the firmware fetched iPXE, and nothing was heard since',
    remedy:
      'Restart the machine: its download may have been cut short. If it falls silent again, switch Secure Boot off, or try ipxe: ipxe.efi in place of snponly.efi.',
  },
  // DHCP.
  {
    name: 'unknown-machine',
    fits: (boot) =>
      isAt(boot, 'dhcp', 'boot-server') && lastReason(boot, 'ignored') && /no node has/.test(lastMessage(boot)),
    says: 'no node has its address, and unknown machines are ignored',
    remedy: 'Add it to nodes:, or give unknown: another action.',
  },
  {
    name: 'ignored',
    fits: (boot) => isAt(boot, 'dhcp', 'boot-server') && lastReason(boot, 'ignored'),
    says: 'the configuration has this machine ignored',
    remedy: 'Give the node another action: boot or local.',
  },
  {
    name: 'no-boot-program',
    fits: (boot) => lastReason(boot, 'no-boot-file') && lastMessage(boot),
    says: 'there is no iPXE for its firmware',
    remedy: "Install Debian's package ipxe, or name a folder that has it with server.ipxe.",
  },
  {
    name: 'service-off',
    fits: (boot) => ['tftp-off', 'http-off'].some((reason) => lastReason(boot, reason)),
    says: 'its firmware needs a service that is switched off',
    remedy: 'Switch TFTP and HTTP on: server.tftp, server.http.',
  },
  {
    name: 'other-server',
    fits: (boot) => lastReason(boot, 'other-server'),
    says: 'it chose another boot server',
    remedy: 'Switch off the other PXE server of this network, or its answers for this machine.',
  },
  {
    name: 'too-often',
    fits: (boot) => lastReason(boot, 'too-often'),
    says: 'it asks more often than any firmware does',
    remedy: 'Look for a loop in the network, or two machines with the same address.',
  },
  {
    name: 'http-boot-silent',
    fits: silentAt('dhcp', FIRMWARE, (boot) => lastOf(boot, 'dhcp')?.reason === 'http'),
    says: 'its firmware was told a URL, and never fetched it',
    remedy: 'Some firmware refuses plain HTTP by default: allow it in the setup (HTTP boot), or use PXE in its place.',
  },
  {
    name: 'no-boot-server-request',
    fits: silentAt('dhcp', FIRMWARE, (boot) => lastOf(boot, 'dhcp')?.reason === 'pxe'),
    says: 'it was answered, and neither came to port 4011 nor fetched its boot file',
    remedy:
      'Another DHCP server that sends option 60 itself misleads it: remove that there. Else set discovery: bypass for the node, and check that a DHCP server gives addresses.',
  },
  {
    name: 'boot-server-silent',
    fits: silentAt('boot-server', FIRMWARE),
    says: 'it was told its boot file on port 4011, and never fetched it',
    remedy: 'A firewall may drop TFTP (UDP port 69).',
  },
  // Nothing else is known of this boot.
  {
    name: 'boot-loop',
    // One that stays up has come to the end of its loop.
    fits: ({ restarts = 0, outcome, before }, silence) =>
      restarts >= 3 &&
      (outcome !== 'up' || silence < 15 * MINUTE) &&
      `${restarts} times in a row${before === undefined ? '' : `, the last time since ${before}`}`,
    says: 'the machine begins its boot anew again and again',
    remedy:
      'Look at its console for a panic; an installer that runs again and again is to be booted once: boot: { once: IMAGE, then: local }.',
  },
];
