import type { EfiBinary } from '../boot/boot-file.ts';
import type { Image } from '../boot/image.ts';
import type { ConfigurationLayers } from '../configuration/merge.ts';
import type { ContainersLayers } from '../containers/section.ts';
import type { Architecture } from '../machine/architecture.ts';
import type { Criteria, Labels } from '../machine/criteria.ts';
import type { Mac } from '../machine/mac.ts';

/** A setting together with the place in the configuration that it came from, such as `profiles.compute.args[0]`. */
export interface Sourced<T> {
  readonly value: T;
  readonly from: string;
}

/** The path of a setting from its source, such as `profiles.compute.memory`; names may have dots. */
export function pathOfSetting(from: string): readonly string[] {
  const [, section, name, key] = /^(\w+)\.(.+)\.(\w+)$/.exec(from) ?? [];
  return section !== undefined && name !== undefined && key !== undefined ? [section, name, key] : [from];
}

/** A value that templates can print. */
export type Variable = string | number | boolean;

/** iPXE's last step when every retry has failed. */
export interface OnFailure {
  readonly action: 'shell' | 'reboot';
  /** Seconds for which the message stays on the screen first. */
  readonly after: number;
}

/** One image for the first boot, and what is booted from then on. */
export interface Once {
  readonly once: string;
  /** An image's name, or `local`. */
  readonly afterwards: string;
}

/** What a person may choose on the machine's screen. */
export interface Menu {
  /** Names of images, in order. */
  readonly images: readonly string[];
  /** Whether the local disk may be chosen. */
  readonly local: boolean;
  /** An image's name, or `local`. */
  readonly default: string;
  /** Seconds after which the default is booted; 0 to wait for ever. */
  readonly timeout: number;
}

/** How UEFI PXE firmware is told its boot file: by the boot server on port 4011, or in the OFFER itself. */
export type Discovery = 'binl' | 'bypass';

/** Firmware that the configuration names, because the machine does not report it. */
export type NamedFirmware = 'raspberry-pi';

/** `boot` an image, hand over to the `local` disk, show a `menu`, or `ignore` the machine altogether. */
export type Action = 'boot' | 'local' | 'menu' | 'ignore';

/** Everything that image, profiles and node together say about one boot. */
export interface BootSettings {
  readonly action: Sourced<Action>;
  /** Absent only where the action is not `boot`. */
  readonly image?: Sourced<Image>;
  /** The template's name without `.ipxe.njk`. */
  readonly template: Sourced<string>;
  /** Kernel arguments in order: the image's, each profile's, the node's. */
  readonly args: readonly Sourced<string>[];
  readonly vars: Readonly<Record<string, Sourced<Variable>>>;
  readonly onFailure: Sourced<OnFailure>;
  readonly ipxe: Sourced<EfiBinary>;
  readonly discovery: Sourced<Discovery>;
  readonly firmware?: Sourced<NamedFirmware>;
  readonly once?: Sourced<Once>;
  /** What the booted system configures itself by; absent where there is nothing. */
  readonly configuration?: ConfigurationLayers;
  /** The containers that it runs, by root method `containers`; absent where there are none. */
  readonly containers?: ContainersLayers;
  /** Of the action `menu`. */
  readonly menu?: Sourced<Menu>;
  readonly arch?: Sourced<Architecture>;
  /** Bytes. */
  readonly memory?: Sourced<number>;
}

/** A machine that the configuration names. */
export interface Node {
  readonly name: string;
  /** Host name of the booted system. */
  readonly hostname: Sourced<string>;
  readonly macs: readonly Mac[];
  /** What it is recognised by beside its addresses. */
  readonly criteria?: Criteria | undefined;
  readonly labels: Labels;
  readonly profiles: readonly string[];
  readonly settings: BootSettings;
  /** Its settings on top of those of a rule that it fits. */
  settingsWith(rule: Rule): BootSettings;
}

/** Settings of machines by what they are. */
export interface Rule {
  readonly name: string;
  readonly criteria: Criteria;
  /** Of a machine that no node names. */
  readonly settings: BootSettings;
}
