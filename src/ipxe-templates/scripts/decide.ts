import type { ScriptResult } from '../../model/boot/script.ts';
import type { ContainersSection } from '../../model/containers/section.ts';
import { LOCAL } from '../../model/fleet/next/next-boot.ts';
import type { Config, Match } from '../../model/settings/config.ts';
import type { BootSettings } from '../../model/settings/node.ts';
import type { Wanted } from './wanted.ts';

type Decided =
  | { readonly match: Match; readonly image: string | undefined }
  | Extract<ScriptResult, { readonly why: string }>;

/** The settings with what is ordered to run in place of theirs. */
export function withContainers(settings: BootSettings, value: ContainersSection): BootSettings {
  return { ...settings, containers: [...(settings.containers ?? []), { value, from: 'ordered' }] };
}

/** What a machine boots: by an order, by the choice from its menu, or by its settings. */
export async function decide(
  own: Match,
  picked: string | undefined,
  choose: Wanted['choose'],
  config: Config,
): Promise<Decided> {
  const chosen = await choose?.(own);
  const menu = own.settings.menu?.value;
  const unavailable = (why: string) => ({ kind: 'unavailable', why }) as const;
  if (!chosen && picked !== undefined) {
    const isAllowed = picked === LOCAL ? menu?.local : menu?.images.includes(picked);
    if (!isAllowed) return unavailable(`${own.why}, and ${JSON.stringify(picked)} is not in its menu`);
  }
  const image = chosen?.image ?? picked;
  const settings = image === undefined ? own.settings : config.choose(own, image);
  if (!settings) return unavailable(`there is no image ${JSON.stringify(image)} any more: ${chosen?.why ?? own.why}`);
  const match = {
    ...own,
    settings: chosen?.containers ? withContainers(settings, chosen.containers) : settings,
    why: chosen ? `${own.why}; ${chosen.why}` : own.why,
  };
  if (settings.action.value === 'ignore') {
    return { kind: 'ignored', why: own.node ? `${own.why}, and its action is ignore` : own.why };
  }
  if (settings.action.value === 'boot' && !settings.image) {
    return unavailable(`${own.why}, which has no image, and no rule gives it one`);
  }
  return { match, image };
}
