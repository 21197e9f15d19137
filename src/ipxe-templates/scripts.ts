import { type BootPlan, neededArtifacts, type Pin, type Pins, planBoot } from '../model/boot-plan.ts';
import { type Config, findNode, type Match } from '../model/config.ts';
import type { Mac } from '../model/mac.ts';
import { baseUrl, type ServerIdentity } from '../model/server.ts';
import type { Templates } from './render.ts';

/** What one machine gets for a script. */
export type ScriptResult =
  | { readonly kind: 'script'; readonly text: string }
  /** The configuration says to leave the machine alone. */
  | { readonly kind: 'ignored'; readonly why: string }
  /** Something that the script names is not there (yet). */
  | { readonly kind: 'unavailable'; readonly why: string };

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

type Planned = { readonly plan: BootPlan } | { readonly why: string };

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
  return missing.length > 0 ? { why: missing.join('; ') } : { plan: planBoot(match, pins, server) };
}

/**
 * @param sources read once per request
 */
export function createScripts(sources: () => ScriptSources): Scripts {
  return {
    async forMac(mac) {
      const snapshot = sources();
      const match = findNode(snapshot.config, mac);
      if (match.settings.action.value === 'ignore') return { kind: 'ignored', why: match.why };
      const planned = await plan(match, snapshot);
      if ('why' in planned) return { kind: 'unavailable', why: planned.why };
      return { kind: 'script', text: snapshot.templates.render(match.settings.template.value, planned.plan) };
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
