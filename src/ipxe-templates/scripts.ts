import { createHash } from 'node:crypto';
import {
  type BootPlan,
  type Pin,
  type Pins,
  planBoot,
  type RequiredFile,
  requiredFiles,
  showingMenu,
} from '../model/boot/boot-plan.ts';
import { type Build, fileOfBuild, rootOf, withRoot } from '../model/boot/build.ts';
import { type BuildUse, type Image, isFollowed as isFollowedImage } from '../model/boot/image.ts';
import type { ScriptResult } from '../model/boot/script.ts';
import { maskSecrets } from '../model/configuration/merge.ts';
import type { FileRole } from '../model/fleet/event-steps.ts';
import { LOCAL } from '../model/fleet/next/next-boot.ts';
import type { ImageVersion } from '../model/fleet/next/rollout.ts';
import { type Facts, IPXE_QUERY } from '../model/machine/facts.ts';
import type { KnownFacts } from '../model/machine/known-facts.ts';
import { hyphenated, type Mac } from '../model/machine/mac.ts';
import { plainMessage } from '../model/plain-error.ts';
import type { Config, Match } from '../model/settings/config.ts';
import { findMatch, lostRules, type Recognised, recognise } from '../model/settings/recognise.ts';
import { type Arrival, type ServerIdentities, servedBy } from '../model/settings/served-by.ts';
import { baseUrl, type ServerIdentity } from '../model/settings/server.ts';
import type { Templates } from './nunjucks/render.ts';

/** A consistent view of all inputs of scripts. */
export interface ScriptSources {
  readonly config: Config;
  readonly templates: Templates;
  readonly servers: ServerIdentities;
  /** The version in force of an artifact; rejects if there is none. */
  readonly pin: (needed: RequiredFile) => Promise<Pin>;
  /** The version in force of an image's build; rejects if there is none. */
  readonly build: (image: Image) => Promise<Build>;
}

/** The same for a request, with the identity that answers it. */
interface Sources extends ScriptSources {
  readonly server: ServerIdentity;
}

/** Decides which version of its image a machine gets. */
type VersionOf = (match: Match, image: Image, newest: ImageVersion) => Promise<ImageVersion>;

/** What a request for a script says, and what is to be booted in place of the machine's settings. */
export interface Wanted {
  /** What iPXE tells of the machine; undefined where it was not asked. */
  readonly told?: Facts | undefined;
  /** The image that was chosen from the machine's menu, or `local`. */
  readonly image?: string | undefined;
  /** How the request came. */
  readonly arrival?: Arrival | undefined;
  /** Decides which version of its image it gets; without it, the newest. */
  readonly version?: VersionOf;
  /** Decides what the machine boots; undefined for its settings. */
  readonly choose?: (match: Match) => Promise<{ readonly image: string; readonly why: string } | undefined>;
}

/** Renders scripts. Their URLs are those of the network in which the request arrived. */
export interface Scripts {
  forMac(mac: Mac, request?: Wanted): Promise<ScriptResult>;
  /** The rule that matched, the source of each value, the versions of files: plain data for JSON. */
  explain(mac: Mac, told?: Facts, arrival?: Arrival): Promise<Readonly<Record<string, unknown>>>;
  /** What a machine would boot now, of what is known of it; undefined where it would boot no image. */
  preview(mac: Mac, wanted: Pick<Wanted, 'choose' | 'version'>): Promise<Preview | undefined>;
  /** The script that has iPXE ask for its machine's own. */
  bootstrap(arrival?: Arrival): string;
  /**
   * A file of a machine, with the variables of its last script.
   * @returns undefined where the template or what it is about is missing
   */
  file(mac: Mac, template: string): Promise<string | undefined>;
  /** The names of a machine, and the version of its last script. */
  about(mac: Mac): AboutScript;
  /** What the file of this digest is in the machine's last script. */
  roleOf(mac: Mac, digest: string): FileRole | undefined;
}

/** What a machine would boot. */
export interface Preview {
  readonly image: string;
  /** The digest of the root, 64 hex digits; undefined for a root of another server. */
  readonly version: string | undefined;
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
  /** The identity that its URLs are of: a machine that moves to another network gets another script. */
  readonly server: ServerIdentity;
  readonly text: string;
  /** The image in place of that of the settings. */
  readonly image: string | undefined;
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
function settle(match: Match, sources: Sources): Settled | Promise<Settled | Unavailable> {
  const image = match.settings.image?.value;
  return image?.build ? settleBuild(match, image, image.build, sources) : { match, build: undefined };
}

async function settleBuild(
  match: Match,
  image: Image,
  { name }: BuildUse,
  { build: find }: Sources,
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
async function pinOf(needed: RequiredFile, { match, build }: Settled, { pin }: Sources): Promise<Pin> {
  const name = match.settings.image?.value.build?.name ?? '';
  const file = needed.form === 'image' ? undefined : fileOfBuild(name, needed.path);
  const built = file === undefined ? undefined : build?.files.get(file);
  if (built && needed.form !== 'tree') return built;
  const found = await pin(needed);
  if (built && built.digest !== found.digest) throw new Error('it is being replaced');
  return found;
}

/** An image's version by the versions of its files. */
function versionOf({ root }: Image, pins: Pins): ImageVersion {
  const all = [...pins].sort(([a], [b]) => (a < b ? -1 : 1));
  const text = JSON.stringify(all.map(([path, { digest }]) => [path, digest]));
  return { id: createHash('sha256').update(text).digest('hex').slice(0, 16), root, pins: all };
}

/** The same with the version of the image that the machine is to get. */
async function withVersion(settled: Settled, pins: Pins, version: VersionOf | undefined) {
  const image = settled.match.settings.image?.value;
  if (!version || !image) return { settled, pins };
  const newest = versionOf(image, pins);
  const given = await version(settled.match, image, newest);
  if (given.id === newest.id) return { settled, pins };
  const match = { ...settled.match, settings: withRoot(settled.match.settings, given.root) };
  return { settled: { ...settled, match }, pins: new Map(given.pins) };
}

async function plan(match: Match, sources: Sources, query = '', version?: VersionOf): Promise<Planned> {
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
  if (missing.length > 0) return { why: missing.join('; ') };
  const given = await withVersion(settled, pins, version);
  const planned = planBoot(given.settled.match, given.pins, sources.server, query, given.settled.build?.unpacked);
  return { ...given.settled, plan: planned, pins: [...given.pins.values()] };
}

/** True where a script would be the same now. */
async function isCurrent({ match, pins }: Rendered, sources: Sources): Promise<boolean> {
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

type Decided =
  | { readonly match: Match; readonly image: string | undefined }
  | Extract<ScriptResult, { readonly why: string }>;

/** What a machine boots: by an order, by the choice from its menu, or by its settings. */
async function decide(
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
  const match = { ...own, settings, why: chosen ? `${own.why}; ${chosen.why}` : own.why };
  if (settings.action.value === 'ignore') {
    return { kind: 'ignored', why: own.node ? `${own.why}, and its action is ignore` : own.why };
  }
  if (settings.action.value === 'boot' && !settings.image) {
    return unavailable(`${own.why}, which has no image, and no rule gives it one`);
  }
  return { match, image };
}

/**
 * @param facts what DHCP knows of machines; gets what iPXE tells
 * @param sources read once per request
 */
export function createScripts(facts: KnownFacts, sources: () => ScriptSources): Scripts {
  let rendered: Pick<ScriptSources, 'templates' | 'servers'> | undefined;
  const scripts = new Map<Mac, Rendered>();

  const from = (arrival?: Arrival): Sources => {
    const all = sources();
    return { ...all, server: servedBy(all.servers, arrival) };
  };

  /** The scripts rendered of these sources: the templates are loaded again with each configuration. */
  const scriptsOf = ({ templates, servers }: ScriptSources): Map<Mac, Rendered> => {
    if (rendered?.templates !== templates || rendered.servers !== servers) scripts.clear();
    rendered = { templates, servers };
    return scripts;
  };

  /** @param machine its address as it stands in a URL, or the setting in which iPXE has it */
  const bootstrapFor = ({ templates, server }: Sources, machine: string) => {
    const url = baseUrl(server);
    const script_url = `${url}/ipxe/${machine}${IPXE_QUERY}`;
    return templates.render('bootstrap', { server: { address: server.address, url }, script_url });
  };

  /** The text of the machine's last script, where it would be the same now. */
  const givenAgain = async (mac: Mac, found: Recognised, image: string | undefined, current: Sources) => {
    const known = scriptsOf(current).get(mac);
    if (known?.server !== current.server || known.image !== image) return undefined;
    const isSame = known.match.node === found.node && known.match.rule === found.rule;
    return isSame && (await isCurrent(known, current)) ? known.text : undefined;
  };

  /** @param told whether iPXE tells what it knows: it is to tell it again with the choice */
  const menuFor = (match: Match, told: boolean, { templates, server }: Sources): string => {
    const query = told ? `${IPXE_QUERY}&image=` : '?image=';
    return templates.render('menu', planBoot(showingMenu(match), new Map(), server, query));
  };

  return {
    async forMac(mac, { told, image: picked, arrival, choose, version } = {}) {
      const current = from(arrival);
      if (told) facts.noteTold(mac, told);
      // Without being asked, a machine is what DHCP knows: anybody could have told more about it before.
      const of = told ? facts.of(mac) : facts.byDhcp(mac);
      const found = recognise(current.config, of);
      if (!told && found.open.length > 0) return { kind: 'question', text: bootstrapFor(current, hyphenated(mac)) };
      if (!choose && picked === undefined) {
        const text = await givenAgain(mac, found, undefined, current);
        if (text !== undefined) return { kind: 'script', text };
      }
      const own = findMatch(current.config, of, found);
      const decided = await decide(own, picked, choose, current.config);
      if ('kind' in decided) return decided;
      const { match, image } = decided;
      // iPXE asks for this script again where a download fails.
      const query = image === picked && picked !== undefined ? `?image=${encodeURIComponent(picked)}` : '';
      if (match.settings.menu) return { kind: 'menu', text: menuFor(match, told !== undefined, current) };
      const isFollowed = version && match.settings.image && isFollowedImage(match.settings.image.value);
      const text = isFollowed ? undefined : await givenAgain(mac, found, image, current);
      if (text !== undefined) return { kind: 'script', text };
      const whole = told && query !== '' ? `${IPXE_QUERY}&${query.slice(1)}` : query;
      const planned = await plan(match, current, whole, isFollowed ? version : undefined);
      if ('why' in planned) return { kind: 'unavailable', why: planned.why };
      const template = planned.match.settings.template.value;
      if (!current.templates.names.includes(template))
        return { kind: 'unavailable', why: `there is no template ${template}` };
      const fresh = current.templates.render(template, planned.plan);
      if (scriptsOf(current).size >= REMEMBERED) scripts.clear();
      const [pins, roles] = [planned.pins, rolesOf(planned.plan)];
      scripts.set(mac, { match, image, pins, server: current.server, text: fresh, roles });
      return { kind: 'script', text: fresh };
    },

    async explain(mac, told, arrival) {
      const current = from(arrival);
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
        ...(node &&
          settings.configuration && {
            configuration: settings.configuration.map(({ value, from }) => ({ value: maskSecrets(value), from })),
          }),
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

    async preview(mac, { choose, version }) {
      const current = from();
      const decided = await decide(findMatch(current.config, facts.of(mac)), undefined, choose, current.config);
      const image = 'kind' in decided ? undefined : decided.match.settings.image?.value;
      if ('kind' in decided || !image || decided.match.settings.menu) return undefined;
      const planned = await plan(decided.match, current, '', isFollowedImage(image) ? version : undefined);
      const sha256 = 'plan' in planned ? planned.plan.root.sha256 : undefined;
      return { image: image.name, version: sha256 ?? undefined };
    },

    async file(mac, template) {
      const current = from();
      const match = scriptsOf(current).get(mac)?.match ?? findMatch(current.config, facts.of(mac));
      const planned = await plan(match, current);
      if ('why' in planned || !current.templates.names.includes(template)) return undefined;
      return current.templates.renderFile(template, planned.plan);
    },

    about(mac) {
      const current = from();
      const known = scriptsOf(current).get(mac);
      const { node, settings } = known?.match ?? findMatch(current.config, facts.of(mac));
      const [version] = [...(known?.roles ?? [])].find(([, role]) => role === 'root') ?? [];
      return { node: node?.name, image: settings.image?.value.name, version };
    },

    roleOf: (mac, digest) => scriptsOf(sources()).get(mac)?.roles.get(digest),

    bootstrap: (arrival) => bootstrapFor(from(arrival), THIS_MACHINE),
  };
}
