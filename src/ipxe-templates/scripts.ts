import {
  type BootPlan,
  type Pin,
  type Pins,
  planBoot,
  type RequiredFile,
  requiredFiles,
} from '../model/boot/boot-plan.ts';
import { type Build, fileOfBuild, rootOf, withRoot } from '../model/boot/build.ts';
import type { BuildUse, Image } from '../model/boot/image.ts';
import type { ScriptResult } from '../model/boot/script.ts';
import type { FileRole } from '../model/fleet/event-steps.ts';
import { type Facts, IPXE_QUERY } from '../model/machine/facts.ts';
import type { KnownFacts } from '../model/machine/known-facts.ts';
import { hyphenated, type Mac } from '../model/machine/mac.ts';
import { plainMessage } from '../model/plain-error.ts';
import type { Config, Match } from '../model/settings/config.ts';
import { findMatch, lostRules, recognise } from '../model/settings/recognise.ts';
import { baseUrl, type ServerIdentity } from '../model/settings/server.ts';
import type { Templates } from './nunjucks/render.ts';

/** A consistent view of all inputs of scripts. */
export interface ScriptSources {
  readonly config: Config;
  readonly templates: Templates;
  readonly server: ServerIdentity;
  /** The version in force of an artifact; rejects if there is none. */
  readonly pin: (needed: RequiredFile) => Promise<Pin>;
  /** The version in force of an image's build; rejects if there is none. */
  readonly build: (image: Image) => Promise<Build>;
}

/** Renders scripts. */
export interface Scripts {
  /** @param told what iPXE tells of the machine; undefined where it was not asked */
  forMac(mac: Mac, told?: Facts): Promise<ScriptResult>;
  /** The rule that matched, the source of each value, the versions of files: plain data for JSON. */
  explain(mac: Mac, told?: Facts): Promise<Readonly<Record<string, unknown>>>;
  /** The script that has iPXE ask for its machine's own. */
  bootstrap(): string;
  /** The names of a machine, and the version of its last script. */
  about(mac: Mac): AboutScript;
  /** What the file of this digest is in the machine's last script. */
  roleOf(mac: Mac, digest: string): FileRole | undefined;
}

/** A machine's node, its image, and the version of the script that it had last. */
export interface AboutScript {
  readonly node: string | undefined;
  readonly image: string | undefined;
  /** The digest of the root, 64 hex digits; undefined before a script, and for a root of another server. */
  readonly version: string | undefined;
}

/** The setting in which iPXE has the address of the network card that it boots by. */
const THIS_MACHINE = '$' + '{netX/mac:hexhyp}';

/** The most scripts that are remembered: clients may ask for any address. */
const REMEMBERED = 20_000;

/** A script, and the versions of files that it names. */
interface Rendered {
  readonly match: Match;
  readonly pins: readonly Pin[];
  readonly text: string;
  readonly roles: ReadonlyMap<string, FileRole>;
}

function rolesOf({ kernel, initrds, root }: BootPlan): ReadonlyMap<string, FileRole> {
  const roles = new Map<string, FileRole>();
  // A file with two roles is fetched in the order of these: the first counts.
  if (typeof root.sha256 === 'string') roles.set(root.sha256, 'root');
  for (const { sha256 } of initrds) if (sha256 !== null) roles.set(sha256, 'initrd');
  if (kernel?.sha256) roles.set(kernel.sha256, 'kernel');
  return roles;
}

/** A machine with the root of its image chosen, and the image's build, if it is one. */
interface Settled {
  readonly match: Match;
  readonly build: Build | undefined;
}

type Unavailable = { readonly why: string };
type Planned = (Settled & { readonly plan: BootPlan; readonly pins: readonly Pin[] }) | Unavailable;

/** Chooses the root of a machine's image, if that is a build. */
function settle(match: Match, sources: ScriptSources): Settled | Promise<Settled | Unavailable> {
  const image = match.settings.image?.value;
  return image?.build ? settleBuild(match, image, image.build, sources) : { match, build: undefined };
}

async function settleBuild(
  match: Match,
  image: Image,
  { name }: BuildUse,
  { build: find }: ScriptSources,
): Promise<Settled | Unavailable> {
  try {
    const build = await find(image);
    const root = rootOf(image, build);
    if (!root) return { why: `the image ${name} was built without a root of this kind: build it with another --root` };
    return { match: { ...match, settings: withRoot(match.settings, root) }, build };
  } catch (error) {
    return { why: `image ${name}: ${plainMessage(error)}` };
  }
}

/** The version of a file that a machine needs: files of a build are always of the same version of it. */
async function pinOf(needed: RequiredFile, { match, build }: Settled, { pin }: ScriptSources): Promise<Pin> {
  const name = match.settings.image?.value.build?.name ?? '';
  const file = needed.form === 'image' ? undefined : fileOfBuild(name, needed.path);
  const built = file === undefined ? undefined : build?.files.get(file);
  if (built && needed.form !== 'tree') return built;
  const found = await pin(needed);
  if (built && built.digest !== found.digest) throw new Error('it is being replaced');
  return found;
}

async function plan(match: Match, sources: ScriptSources): Promise<Planned> {
  const settled = await settle(match, sources);
  if ('why' in settled) return settled;
  const missing: string[] = [];
  const pins: Pins = new Map(
    await Promise.all(
      requiredFiles(settled.match).map(async (needed) => {
        try {
          return [needed.path, await pinOf(needed, settled, sources)] as const;
        } catch (error) {
          missing.push(`${needed.path}: ${plainMessage(error)}`);
          return [needed.path, { digest: '', size: 0 }] as const;
        }
      }),
    ),
  );
  return missing.length > 0
    ? { why: missing.join('; ') }
    : { ...settled, plan: planBoot(settled.match, pins, sources.server), pins: [...pins.values()] };
}

/** True where a script would be the same now. */
async function isCurrent({ match, pins }: Rendered, sources: ScriptSources): Promise<boolean> {
  const settled = await settle(match, sources);
  if ('why' in settled) return false;
  try {
    for (const [index, needed] of requiredFiles(settled.match).entries()) {
      if ((await pinOf(needed, settled, sources)).digest !== pins[index]?.digest) return false;
    }
    return true;
  } catch {
    return false;
  }
}

/**
 * @param facts what DHCP knows of machines; gets what iPXE tells
 * @param sources read once per request
 */
export function createScripts(facts: KnownFacts, sources: () => ScriptSources): Scripts {
  let rendered: Pick<ScriptSources, 'templates' | 'server'> | undefined;
  const scripts = new Map<Mac, Rendered>();

  /** The scripts rendered of these sources: the templates are loaded again with each configuration. */
  const scriptsOf = ({ templates, server }: ScriptSources): Map<Mac, Rendered> => {
    if (rendered?.templates !== templates || rendered.server !== server) scripts.clear();
    rendered = { templates, server };
    return scripts;
  };

  /** @param machine its address as it stands in a URL, or the setting in which iPXE has it */
  const bootstrapFor = ({ templates, server }: ScriptSources, machine: string) => {
    const url = baseUrl(server);
    const script_url = `${url}/ipxe/${machine}${IPXE_QUERY}`;
    return templates.render('bootstrap', { server: { address: server.address, url }, script_url });
  };

  return {
    async forMac(mac, told) {
      const current = sources();
      if (told) facts.noteTold(mac, told);
      // Without being asked, a machine is what DHCP knows: anybody could have told more about it before.
      const of = told ? facts.of(mac) : facts.byDhcp(mac);
      const found = recognise(current.config, of);
      if (!told && found.open.length > 0) return { kind: 'question', text: bootstrapFor(current, hyphenated(mac)) };
      const known = scriptsOf(current).get(mac);
      const isSame = known?.match.node === found.node && known?.match.rule === found.rule;
      if (known && isSame && (await isCurrent(known, current))) return { kind: 'script', text: known.text };
      const match = findMatch(current.config, of, found);
      const { action, image } = match.settings;
      if (action.value === 'ignore') {
        return { kind: 'ignored', why: match.node ? `${match.why}, and its action is ignore` : match.why };
      }
      if (action.value === 'boot' && !image) {
        return { kind: 'unavailable', why: `${match.why}, which has no image, and no rule gives it one` };
      }
      const planned = await plan(match, current);
      if ('why' in planned) return { kind: 'unavailable', why: planned.why };
      const template = planned.match.settings.template.value;
      if (!current.templates.names.includes(template))
        return { kind: 'unavailable', why: `there is no template ${template}` };
      const text = current.templates.render(template, planned.plan);
      if (scriptsOf(current).size >= REMEMBERED) scripts.clear();
      scripts.set(mac, { match, pins: planned.pins, text, roles: rolesOf(planned.plan) });
      return { kind: 'script', text };
    },

    async explain(mac, told) {
      const current = sources();
      const of = { ...facts.of(mac), ...told, mac };
      const found = recognise(current.config, of);
      const match = findMatch(current.config, of, found);
      const planned = await plan(match, current);
      const { settings, node, rule, why } = 'plan' in planned ? planned.match : match;
      return {
        mac,
        facts: of,
        matched: node ? `nodes.${node.name}` : rule ? `rules.${rule.name}` : 'unknown',
        why,
        rule: rule ? `rules.${rule.name}` : null,
        lost: lostRules(current.config, of, found),
        ...(found.open.length > 0 && { not_known: found.open }),
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
        ...(settings.firmware && { firmware: settings.firmware }),
        ...('plan' in planned
          ? {
              ...(planned.build && { build: planned.build.id }),
              kernel: planned.plan.kernel,
              initrds: planned.plan.initrds,
              root: planned.plan.root,
            }
          : { unavailable: planned.why }),
      };
    },

    about(mac) {
      const current = sources();
      const { node, settings } = findMatch(current.config, facts.of(mac));
      const [version] = [...(scriptsOf(current).get(mac)?.roles ?? [])].find(([, role]) => role === 'root') ?? [];
      return { node: node?.name, image: settings.image?.value.name, version };
    },

    roleOf: (mac, digest) => scriptsOf(sources()).get(mac)?.roles.get(digest),

    bootstrap: () => bootstrapFor(sources(), THIS_MACHINE),
  };
}
