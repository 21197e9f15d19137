import type { EfiBinary } from '../../model/boot/boot-file.ts';
import { parseMemory } from '../../model/boot/fit/memory.ts';
import type { Image } from '../../model/boot/image.ts';
import { LOCAL } from '../../model/fleet/next/next-boot.ts';
import type { Action, BootSettings, Discovery, Menu, Once, OnFailure, Sourced } from '../../model/settings/node.ts';
import { type Layer, last, type MenuSection, type Section } from './layers.ts';

const asText = ({ value, from }: Sourced<string | number>): Sourced<string> => ({ value: String(value), from });
export const byDefault = <T>(value: T): Sourced<T> => ({ value, from: 'default' });

const BOOT = byDefault<Action>('boot');
const LOCAL_TEMPLATE = byDefault('local');
const REBOOT = byDefault<OnFailure>({ action: 'reboot', after: 60 });
const SNPONLY = byDefault<EfiBinary>('snponly.efi');
const BINL = byDefault<Discovery>('binl');

/** The images, profiles and rules of the file, which nodes build on. */
export interface Shared {
  readonly images: ReadonlyMap<
    string,
    { readonly image: Image; readonly layer: Layer; readonly method: Sourced<string> }
  >;
  readonly profiles: ReadonlyMap<string, Layer>;
  /** The layers of rules, by their names. */
  readonly rules: ReadonlyMap<string, readonly Layer[]>;
  /** The file's own `configuration:`, which is for nodes alone. */
  readonly base: readonly Layer[];
}

function toOnFailure(found: Sourced<NonNullable<Section['on_failure']>>): Sourced<OnFailure> {
  const { action = REBOOT.value.action, after = REBOOT.value.after } = found.value;
  return { value: { action, after }, from: found.from };
}

/** Merges layers: the image, each profile, then the node or the rule for unknown machines. */
export function resolveSettings(shared: Shared, upper: readonly Layer[], given?: Sourced<Action>): BootSettings {
  const menuSection = last(upper, 'menu');
  const action = given ?? (menuSection ? { value: 'menu' as const, from: menuSection.from } : BOOT);
  const boots = action.value === 'boot' || action.value === 'menu';
  const boot = action.value === 'boot' ? last(upper, 'boot') : undefined;
  const once = boot && { value: toOnce(boot.value), from: boot.from };
  const named = boots
    ? (last(upper, 'image') ?? (once && { value: once.value.once, from: `${once.from}.once` }))
    : undefined;
  const found = named && shared.images.get(String(named.value));
  const layers = found ? [found.layer, ...upper] : upper;
  // A template for booting does not apply to a machine that a more specific layer sends to its local disk.
  const speaking = boots ? layers : layers.slice(layers.findIndex(({ from }) => action.from === `${from}.action`));
  const template = last(speaking, 'template');
  const onFailure = last(layers, 'on_failure');
  const firmware = last(layers, 'firmware');
  const arch = last(layers, 'arch');
  const memory = last(layers, 'memory');
  const configuration = layers.flatMap(({ from, section: { configuration: value } }) =>
    value ? [{ value, from: from === '' ? 'configuration' : `${from}.configuration` }] : [],
  );
  const containers = layers.flatMap(({ from, section: { containers: value } }) =>
    value ? [{ value, from: `${from}.containers` }] : [],
  );
  return {
    action,
    ...(named && found ? { image: { value: found.image, from: named.from } } : {}),
    template: template ? asText(template) : (found?.method ?? LOCAL_TEMPLATE),
    args: layers.flatMap(({ args }) => args),
    vars: Object.assign({}, ...layers.map(({ vars }) => vars)),
    onFailure: onFailure ? toOnFailure(onFailure) : REBOOT,
    ipxe: last(layers, 'ipxe') ?? SNPONLY,
    discovery: last(layers, 'discovery') ?? BINL,
    ...(firmware ? { firmware } : {}),
    ...(once && { once }),
    ...(configuration.length > 0 && { configuration }),
    ...(containers.length > 0 && { containers }),
    ...(action.value === 'menu' && { menu: toMenu(shared, menuSection, found?.image.name, action.from) }),
    ...(arch ? { arch } : {}),
    ...(memory ? { memory: { value: parseMemory(String(memory.value)) ?? 0, from: memory.from } } : {}),
  };
}

function toOnce({ once, then = LOCAL }: NonNullable<Section['boot']>): Once {
  return { once: String(once), afterwards: String(then) };
}

/** @param image what the machine would boot without a menu */
function toMenu(
  { images: all }: Shared,
  section: Sourced<MenuSection> | undefined,
  image: string | undefined,
  from: string,
): Sourced<Menu> {
  const { images = [...all.keys()], local = true, timeout = 30 } = section?.value ?? {};
  const names = images.map(String);
  const standard = image !== undefined && names.includes(image) ? image : local ? LOCAL : (names[0] ?? LOCAL);
  const value = { images: names, local, default: String(section?.value.default ?? standard), timeout };
  return { value, from: section?.from ?? from };
}
