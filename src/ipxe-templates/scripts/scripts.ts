import { type BootPlan, type Pin, planBoot, requiredFiles, showingMenu } from '../../model/boot/boot-plan.ts';
import { isFollowed as isFollowedImage } from '../../model/boot/image.ts';
import type { FileRole } from '../../model/fleet/event-steps.ts';
import { dropOldest } from '../../model/limits/drop-oldest.ts';
import { IPXE_QUERY } from '../../model/machine/facts.ts';
import type { KnownFacts } from '../../model/machine/known-facts.ts';
import { hyphenated, type Mac } from '../../model/machine/mac.ts';
import type { Match } from '../../model/settings/config.ts';
import { findMatch, type Recognised, recognise } from '../../model/settings/recognise.ts';
import { type Arrival, servedBy } from '../../model/settings/served-by.ts';
import { baseUrl, type ServerIdentity } from '../../model/settings/server.ts';
import { contents, sampleOf } from './contents.ts';
import { decide } from './decide.ts';
import { explained } from './explain.ts';
import { getsDocument, type Planned, pinOf, plan, settle } from './plan.ts';
import type { ScriptSources, Scripts, Sources } from './wanted.ts';

/** The setting in which iPXE has the address of the network card that it boots by. */
const THIS_MACHINE = '$' + '{netX/mac:hexhyp}';

/** The most scripts that are remembered: clients may ask for any address. */
const REMEMBERED = 20_000;

/** The most documents that are remembered. */
const DOCUMENTS = 5000;

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

/** The script of a plan, or why there is none. */
function draw(planned: Planned, { templates }: Sources) {
  const unavailable = (why: string) => ({ kind: 'unavailable', why }) as const;
  if ('why' in planned) return unavailable(planned.why);
  const template = planned.match.settings.template.value;
  if (!templates.names.includes(template)) return unavailable(`there is no template ${template}`);
  return { text: templates.render(template, planned.plan), planned };
}

/** True where a script would be the same now. */
async function isCurrent({ match, pins }: Rendered, sources: Sources): Promise<boolean> {
  const settled = await settle(match, sources);
  // What is to run may have been ordered, and secrets may have changed.
  if ('why' in settled || getsDocument(settled.match)) return false;
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
  let rendered: Pick<ScriptSources, 'templates' | 'servers'> | undefined;
  const scripts = new Map<Mac, Rendered>();
  /** Documents stay when the configuration changes: machines that boot have their digests. */
  const documents = new Map<Mac, string>();

  const keepDocument = (mac: Mac, text: string) => {
    documents.delete(mac);
    documents.set(mac, text);
    dropOldest(documents, DOCUMENTS);
  };

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
      const drawn = draw(await plan(match, current, whole, isFollowed ? version : undefined), current);
      if ('why' in drawn) return drawn;
      if (scriptsOf(current).size >= REMEMBERED) scripts.clear();
      const { text: fresh, planned } = drawn;
      if (planned.document) keepDocument(mac, planned.document.text);
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
      return explained(current.config, of, found, match, planned);
    },

    async show(mac, { choose, version }) {
      const current = from();
      const decided = await decide(findMatch(current.config, facts.of(mac)), undefined, choose, current.config);
      if ('kind' in decided) return decided;
      const { match } = decided;
      if (match.settings.menu) return { kind: 'menu', text: menuFor(match, false, current) };
      const isFollowed = match.settings.image && isFollowedImage(match.settings.image.value);
      const drawn = draw(await plan(match, current, '', isFollowed ? version : undefined), current);
      return 'why' in drawn ? drawn : { kind: 'script', text: drawn.text };
    },

    async contentsOf(name) {
      const current = from();
      const match = sampleOf(current.config, name);
      if (!match) return { why: `there is no image ${name}` };
      const planned = await plan(match, current);
      return 'why' in planned ? planned : contents(planned);
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

    async root(mac) {
      const current = from();
      const match = scriptsOf(current).get(mac)?.match ?? findMatch(current.config, facts.of(mac));
      const settled = await settle(match, current);
      if ('why' in settled || !settled.match.node) return undefined;
      const { image, args } = settled.match.settings;
      return image && { root: image.value.root, args: args.map(({ value }) => value) };
    },

    about(mac) {
      const current = from();
      const known = scriptsOf(current).get(mac);
      const { node, settings } = known?.match ?? findMatch(current.config, facts.of(mac));
      const [version] = [...(known?.roles ?? [])].find(([, role]) => role === 'root') ?? [];
      return { node: node?.name, image: settings.image?.value.name, version };
    },

    documentOf: (mac) => documents.get(mac),

    rolesOf: (mac) => scriptsOf(sources()).get(mac)?.roles,

    bootstrap: (arrival) => bootstrapFor(from(arrival), THIS_MACHINE),
  };
}
