import { type BootPlan, neededArtifacts, type Pin, type Pins, planBoot } from '../model/boot-plan.ts';
import { type Config, findNode, type Match } from '../model/config.ts';
import type { Mac } from '../model/mac.ts';
import type { ScriptResult } from '../model/script.ts';
import { baseUrl, type ServerIdentity } from '../model/server.ts';
import type { Templates } from './render.ts';

/** A consistent view of all that scripts are made from. */
export interface ScriptSources {
  readonly config: Config;
  readonly templates: Templates;
  readonly server: ServerIdentity;
  /** The version in force of an artifact, by its path below the artifacts folder; rejects where there is none. */
  readonly pin: (path: string) => Promise<Pin>;
}

/** Renders scripts, each from one snapshot of the sources. */
export interface Scripts {
  forMac(mac: Mac): Promise<ScriptResult>;
  /** Which rule matched, where each value comes from, which versions of which files: plain data for JSON. */
  explain(mac: Mac): Promise<Readonly<Record<string, unknown>>>;
  /** The script for iPXE that came here without knowing its machine's own. */
  bootstrap(): string;
}

/** Scripts that are remembered: strangers may send any address. */
const REMEMBERED = 20_000;

/** A script, and the versions of files that it names. */
interface Rendered {
  readonly server: ServerIdentity;
  readonly pins: readonly Pin[];
  readonly text: string;
}

type Planned = { readonly plan: BootPlan; readonly pins: readonly Pin[] } | { readonly why: string };

async function plan(match: Match, { pin, server }: ScriptSources): Promise<Planned> {
  const missing: string[] = [];
  const pins: Pins = new Map(
    await Promise.all(
      neededArtifacts(match).map(async (path) => {
        const found = await pin(path).catch((error: Error) => {
          missing.push(`${path}: ${error.message}`);
          return { digest: '', size: 0 };
        });
        return [path, found] as const;
      }),
    ),
  );
  return missing.length > 0
    ? { why: missing.join('; ') }
    : { plan: planBoot(match, pins, server), pins: [...pins.values()] };
}

/**
 * @param sources read once per request
 */
export function createScripts(sources: () => ScriptSources): Scripts {
  /** By the templates, which are made anew with every configuration. */
  const rendered = new WeakMap<Templates, Map<Mac, Rendered>>();

  /** The script as it was rendered before, if it would be the same now. */
  const recall = async (match: Match, { templates, server, pin }: ScriptSources): Promise<string | undefined> => {
    const known = rendered.get(templates)?.get(match.mac);
    if (known?.server !== server) return undefined;
    const paths = neededArtifacts(match);
    for (const [index, path] of paths.entries()) {
      const { digest } = await pin(path).catch(() => ({ digest: undefined }));
      if (digest === undefined || digest !== known.pins[index]?.digest) return undefined;
    }
    return known.text;
  };

  const remember = (match: Match, { templates, server }: ScriptSources, pins: readonly Pin[], text: string) => {
    const scripts = rendered.get(templates) ?? new Map<Mac, Rendered>();
    if (scripts.size >= REMEMBERED) scripts.clear();
    scripts.set(match.mac, { server, pins, text });
    rendered.set(templates, scripts);
  };

  return {
    async forMac(mac) {
      const snapshot = sources();
      const match = findNode(snapshot.config, mac);
      if (match.settings.action.value === 'ignore') return { kind: 'ignored', why: match.why };
      const known = await recall(match, snapshot);
      if (known !== undefined) return { kind: 'script', text: known };
      const planned = await plan(match, snapshot);
      if ('why' in planned) return { kind: 'unavailable', why: planned.why };
      const text = snapshot.templates.render(match.settings.template.value, planned.plan);
      remember(match, snapshot, planned.pins, text);
      return { kind: 'script', text };
    },

    async explain(mac) {
      const snapshot = sources();
      const match = findNode(snapshot.config, mac);
      const { settings, node, why } = match;
      const planned = await plan(match, snapshot);
      return {
        mac,
        matched: node ? `nodes.${node.name}` : 'unknown',
        why,
        node: node?.name ?? null,
        hostname: node?.hostname ?? null,
        profiles: node?.profiles ?? [],
        action: settings.action,
        image: settings.image ? { value: settings.image.value.name, from: settings.image.from } : null,
        template: settings.template,
        args: settings.args,
        vars: settings.vars,
        on_failure: settings.onFailure,
        ipxe: settings.ipxe,
        discovery: settings.discovery,
        ...('plan' in planned
          ? { kernel: planned.plan.kernel, initrds: planned.plan.initrds, root: planned.plan.root }
          : { unavailable: planned.why }),
      };
    },

    bootstrap() {
      const { templates, server } = sources();
      return templates.render('bootstrap', { server: { address: server.address, url: baseUrl(server) } });
    },
  };
}
