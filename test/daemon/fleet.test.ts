import { describe, expect, it } from 'vitest';
import { createFleet } from '../../src/daemon/fleet/fleet.ts';
import type { FleetOptions } from '../../src/daemon/fleet/fleet-options.ts';
import { followEarlier } from '../../src/daemon/fleet/open-fleet.ts';
import { scriptForBoot, scriptForKexec } from '../../src/daemon/fleet/script-for-boot.ts';
import type { BootNews } from '../../src/daemon/observe/boot-news.ts';
import type { Wanted } from '../../src/ipxe-templates/scripts/wanted.ts';
import { NO_TOKEN } from '../../src/model/boot/boot-plan.ts';
import type { BootEvent } from '../../src/model/event.ts';
import type { Boot } from '../../src/model/fleet/boot.ts';
import type { BootChange, BootStore } from '../../src/model/fleet/boot-store.ts';
import { KnownFacts } from '../../src/model/machine/known-facts.ts';
import type { Mac } from '../../src/model/machine/mac.ts';
import type { Config } from '../../src/model/settings/config.ts';
import { ADDRESS, aBoot, aTracker, eventsOf, MAC } from '../model/fleet/machines.ts';
import { aConfig, aNode, settings } from '../support/config.ts';

const events = eventsOf();

/** A fleet with a store that notes what it gets. */
function aFleet(
  broken: Partial<BootStore> = {},
  config: Config = aConfig(),
  neighbours: Readonly<Record<string, Mac>> = {},
  { tracker = aTracker(), earlier = [] }: Partial<Pick<FleetOptions, 'tracker' | 'earlier'>> = {},
) {
  const news: BootNews[] = [];
  const written: BootChange[] = [];
  let now = 1_000_000;
  const empty = async () => [];
  const store: BootStore = {
    add: async (changes) => void written.push(...changes),
    latest: empty,
    boots: empty,
    boot: async () => undefined,
    byIds: empty,
    bootsOf: empty,
    notes: async () => [],
    note: async () => undefined,
    putNote: async () => {},
    addNote: async (_kind, _key, value) => value,
    addOutput: async () => {},
    output: empty,
    outputEnds: empty,
    pruneOutput: async () => {},
    prune: async () => {},
    close: async () => {},
    ...broken,
  };
  const fleet = createFleet({
    tracker,
    earlier,
    store,
    config: () => config,
    facts: new KnownFacts(),
    neighbour: (address) => neighbours[address],
    adopt: async () => ({ problem: 'none' }),
    authorise: async () => undefined,
    record: () => {},
    onNews: (each) => void news.push(each),
    scripts: {
      preview: async () => ({ image: 'debian', version: 'cd'.repeat(32) }),
      show: async (mac) => ({ kind: 'script', text: `#!ipxe\n# ${mac}\n` }),
      explain: async (mac) => ({ mac }),
      contentsOf: async () => ({ why: 'k: there is no such file' }),
    },
    secret: 'ab'.repeat(32),
    origin: 'here',
    now: () => now,
    monotonic: () => now,
  });
  const observe = (...all: readonly (BootEvent | readonly BootEvent[])[]) => {
    for (const event of all.flat()) {
      now += 1000;
      fleet.observe(event);
    }
  };
  const pass = (ms: number) => {
    now += ms;
  };
  return { fleet, observe, written, pass, news };
}

const step = { stage: 'network', happening: 'done', message: 'eth0 is up' } as const;

describe('the fleet', () => {
  it("knows a machine whose lease was not heard by the table of neighbours, and takes no router's downloads", async () => {
    const router = '192.0.2.1';
    const neighbours = { [ADDRESS]: MAC, [router]: '02:00:00:00:00:99' as Mac };
    const { fleet, observe } = aFleet({}, aConfig(), neighbours);
    observe(events.tftpDone(), events.offer(), events.tftpRequest(), events.tftpDone());
    observe(eventsOf('02:00:00:00:00:99' as Mac, router).tftpDone());
    const [machine, ...others] = await fleet.status();
    expect(machine).toMatchObject({ mac: MAC, stage: 'boot-file' });
    expect(others).toEqual([]);
  });

  it('tells what each machine does, how fast, and what is stuck', async () => {
    const { fleet, observe, pass } = aFleet();
    observe(events.offer(), events.script(), events.fetched('/k'));
    expect(await fleet.status()).toMatchObject([
      { node: 'n001', stage: 'kernel', bytes: 500, length: 1000, rate: 250 },
    ]);
    pass(10 * 60_000);
    expect(await fleet.status()).toMatchObject([{ diagnosis: { rule: 'kernel-only' } }]);
  });

  it('gives the boots of a machine by its name and by its address, in any spelling', async () => {
    const { fleet, observe } = aFleet();
    observe(events.offer(), events.script());
    for (const machine of ['n001', MAC, MAC.replaceAll(':', '-').toUpperCase()]) {
      const [boot, ...others] = await fleet.boots(machine, 10);
      expect([boot?.node, others]).toEqual(['n001', []]);
      expect(await fleet.boot(boot?.id ?? '')).toMatchObject({ steps: [{ stage: 'dhcp' }, { stage: 'script' }] });
    }
    expect(await fleet.boots('n002', 10)).toEqual([]);
  });

  it('tells what the configuration has, and nothing of a machine whose address is not known', async () => {
    const { fleet, observe } = aFleet({}, { ...aConfig(), images: ['debian'] });
    expect(await fleet.lastChange()).toBe(0);
    observe(events.offer(), events.script());
    expect(await fleet.lastChange()).toBe(2);
    expect(await fleet.nodes()).toMatchObject([{ name: 'n001', macs: [MAC], action: 'boot', image: 'debian' }]);
    expect(await fleet.images()).toMatchObject([{ name: 'debian', nodes: 1, why: 'k: there is no such file' }]);
    expect(await fleet.script('n001')).toMatchObject({ mac: MAC, kind: 'script', text: `#!ipxe\n# ${MAC}\n` });
    expect(await fleet.explain('n001')).toEqual({ mac: MAC });
    expect([await fleet.script('n009'), await fleet.explain('n009')]).toEqual([undefined, undefined]);
    expect(await fleet.hasDashboard()).toBe(true);
  });

  it('counts a machine as unknown until it is adopted', async () => {
    const other = '52:54:00:00:00:77' as Mac;
    const config = { ...aConfig([]) };
    const { fleet, observe } = aFleet({}, config);
    observe(eventsOf(other).offer());
    expect(await fleet.strangers()).toMatchObject([{ mac: other }]);
    Object.assign(config, aConfig([aNode({ macs: [other] })]));
    expect(await fleet.strangers()).toEqual([]);
  });

  it('writes all steps, those too that came while it was writing', async () => {
    const { fleet, observe, written } = aFleet();
    observe(events.offer(), events.script());
    await fleet.stop();
    expect(written.map(({ step: { stage } }) => stage)).toEqual(['dhcp', 'script']);
  });

  it('keeps a bounded number of steps of machines without a node', async () => {
    const { fleet, written, observe } = aFleet();
    for (let n = 0; n < 7000; n++) fleet.observe(eventsOf('02:00:00:00:00:01' as Mac).silent('ignored'));
    for (let n = 0; n < 50; n++) {
      const mac = `02:00:00:00:01:${n.toString(16).padStart(2, '0')}` as Mac;
      for (let m = 0; m < 199; m++) fleet.observe(eventsOf(mac).silent('ignored'));
    }
    observe(events.offer());
    await fleet.stop();
    expect(written.filter(({ boot }) => boot.node === undefined).length).toBeLessThanOrEqual(5000);
    expect(written.filter(({ boot }) => boot.node === 'n001')).toHaveLength(1);
  });

  it('goes on while the store is away', async () => {
    const away = async () => Promise.reject(new Error('away'));
    const { fleet, observe } = aFleet({ add: away });
    observe(events.offer(), events.script());
    await fleet.stop();
    expect(await fleet.status()).toMatchObject([{ stage: 'script' }]);
    expect(fleet.tokenOf(MAC)).toBeDefined();
  });

  it('takes reports by the token of the boot, which its script carries', async () => {
    const { fleet, observe } = aFleet();
    observe(events.offer());
    const scripts = {
      forMac: async () => ({ kind: 'script', text: `/report/${NO_TOKEN} ${NO_TOKEN}` }) as const,
      about: () => ({ node: 'n001', image: 'debian', version: undefined }),
      rolesOf: () => undefined,
    };
    const seen = await scriptForBoot(MAC, { boots: false }, scripts, fleet, fleet.observe);
    expect(seen).toEqual({ kind: 'script', text: `/report/${NO_TOKEN} ${NO_TOKEN}` });
    const given = await scriptForBoot(MAC, { boots: true }, scripts, fleet, fleet.observe);
    // What else has so many zeros stays as it is.
    const [, token = ''] = /^\/report\/([0-9a-f]{32}) 0{32}$/.exec(given.kind === 'script' ? given.text : '') ?? [];
    expect(token).toHaveLength(32);
    expect(await fleet.report(token, step, ADDRESS)).toBe('accepted');
    expect(await fleet.report(NO_TOKEN, step, ADDRESS)).toBe('unknown');
    expect(await fleet.status()).toMatchObject([{ stage: 'network', image: 'debian' }]);
  });

  it('has written the last report of a machine before it says that it took it', async () => {
    const { fleet, observe, written } = aFleet();
    observe(events.offer(), events.script());
    await fleet.report(fleet.tokenOf(MAC) ?? '', { ...step, stage: 'up' }, ADDRESS);
    expect(written.at(-1)).toMatchObject({ boot: { outcome: 'up' } });
  });

  it('knows how an earlier boot ended, though its last steps are not written yet', async () => {
    const kept = new Map<string, Boot>();
    const add: BootStore['add'] = async (changes) => {
      for (const { boot } of changes) kept.set(boot.id, boot);
    };
    const { fleet, observe } = aFleet({ add, boots: async () => [...kept.values()] });
    observe(events.offer(), events.script());
    const [first] = await fleet.boots('n001', 1);
    observe({ ...step, stage: 'up', event: 'boot.report', level: 'debug', mac: MAC, boot: first?.id });
    observe(events.offer(), events.script());
    expect(await fleet.boots('n001', 2)).toMatchObject([{ outcome: 'under-way' }, { id: first?.id, outcome: 'up' }]);
  });

  it('says of a machine that an earlier daemon saw what its last step was, and what is wrong', async () => {
    const { fleet, observe } = aFleet();
    observe(events.offer(), events.script());
    const [first] = await fleet.boots('n001', 1);
    const up = { at: 1, stage: 'up', happening: 'done', message: 'up, failed units: a.service' } as const;
    const kept = first && ({ ...first, stage: 'up', outcome: 'up', step: up } as const);
    const { fleet: later } = aFleet({ latest: async () => (kept ? [kept] : []) });
    expect(await later.status()).toMatchObject([{ message: up.message, diagnosis: { rule: 'failed-units' } }]);
  });

  it('hears no report of a boot that another one followed', async () => {
    const { fleet, observe } = aFleet();
    observe(events.offer(), events.script());
    const token = fleet.tokenOf(MAC) ?? '';
    observe(events.fetched('/r'), events.offer(), events.script());
    await fleet.report(token, { ...step, stage: 'up' }, ADDRESS);
    expect(await fleet.status()).toMatchObject([{ outcome: 'under-way', stage: 'script' }]);
  });

  it('calls a boot unfinished where another one followed it', async () => {
    const { fleet, observe } = aFleet();
    observe(events.offer(), events.script());
    const [first] = await fleet.boots('n001', 1);
    const kept = aFleet({
      boots: async () => (first ? [first] : []),
      latest: async () => (first ? [first] : []),
    }).fleet;
    expect(await kept.boots('n001', 1)).toMatchObject([{ outcome: 'unfinished' }]);
    expect(await kept.status()).toMatchObject([{ outcome: 'unfinished' }]);
  });

  it('gives the token of the configuration to the machine that boots, and none to another with its address', async () => {
    const { fleet, observe } = aFleet();
    const text = `/configuration/${NO_TOKEN}/`;
    const scripts = {
      forMac: async () => ({ kind: 'script', text }) as const,
      about: () => ({ node: 'n001', image: 'debian', version: undefined }),
      rolesOf: () => undefined,
    };
    const claims: BootEvent[] = [];
    const ask = async (client: string) => {
      const record = (event: BootEvent) => {
        claims.push(event);
        fleet.observe(event);
      };
      const result = await scriptForBoot(MAC, { boots: true, client }, scripts, fleet, record);
      return result.kind === 'script' ? result.text : '';
    };
    observe(events.offer());
    const given = await ask(ADDRESS);
    expect(given).toMatch(/^\/configuration\/[0-9a-f]{32}\/$/);
    observe(events.fetched('/k'));
    // iPXE asks again where a download fails.
    expect(await ask(ADDRESS)).toBe(given);
    expect(await ask('192.0.2.66')).toBe(text);
    expect(claims).toMatchObject([{ event: 'boot.claimed', level: 'warn', from: '192.0.2.66' }]);
    expect(await fleet.status()).toMatchObject([{ diagnosis: { rule: 'claimed' }, stage: 'kernel' }]);
    expect(fleet.access.ownerOf(given.split('/')[2] ?? '')).toMatchObject({ mac: MAC });
    expect(fleet.access.ownerAt(ADDRESS)).toMatchObject({ mac: MAC });
    expect(fleet.access.ownerAt('192.0.2.66')).toBeUndefined();
  });

  it('gives a boot that began by kexec to who ran the containers before it, and again until it fetches files', async () => {
    const { fleet, observe } = aFleet();
    const text = `/containers/52-54-00-00-00-01/${NO_TOKEN} /configuration/${NO_TOKEN}`;
    const scripts = {
      forMac: async (_: Mac, wanted?: Wanted) => {
        const { image } = (await wanted?.choose?.({ mac: MAC, settings: settings(), why: '' })) ?? {};
        return { kind: 'script', text: `${image} ${text}` } as const;
      },
      about: () => ({ node: 'n001', image: 'debian', version: undefined }),
      rolesOf: () => undefined,
    };
    const asked = { boots: true, client: ADDRESS };
    const script = await scriptForBoot(MAC, asked, scripts, fleet, fleet.observe);
    const [, token = ''] = /containers\/[^/]+\/(\w+)/.exec('text' in script ? script.text : '') ?? [];
    const before = fleet.access.leaverOf(token);
    if (typeof before === 'string') throw new Error(before);
    observe({ event: 'containers.step', level: 'info', message: 'done', mac: MAC, happening: 'done' });
    const next = await scriptForKexec(MAC, { image: 'debian' }, scripts, fleet, fleet.observe);
    fleet.access.noteSuccessor(before, '192.0.2.77');
    expect(next).toMatchObject({ text: expect.stringMatching(/^debian \/containers/) });
    expect('text' in next && next.text).not.toContain(token);
    expect(fleet.access.runnerOf(token)).toBe('unknown');
    expect(fleet.access.leaverOf(token)).toEqual(before);
    expect(fleet.access.ownerAt('192.0.2.77')).toMatchObject({ mac: MAC });
    observe(events.fetched('/k'));
    expect(fleet.access.leaverOf(token)).toBe('unknown');
    // Where the kernel does not start, the machine asks by iPXE again, with the address that that had.
    expect(fleet.access.isClaim(MAC, { client: ADDRESS, uuid: undefined })).toBe(false);
    expect(fleet.access.isClaim(MAC, { client: '192.0.2.66', uuid: undefined })).toBe(true);
  });

  it('tells of a script whose kernel line is too long', async () => {
    const { fleet } = aFleet();
    const text = `kernel /k ${'x'.repeat(2050)} || goto failed`;
    const scripts = {
      forMac: async () => ({ kind: 'script', text }) as const,
      about: () => ({ node: 'n001', image: 'debian', version: undefined }),
      rolesOf: () => undefined,
    };
    const told: BootEvent[] = [];
    await scriptForBoot(MAC, { boots: true }, scripts, fleet, (event) => told.push(event));
    const message = expect.stringContaining('its kernel line has 2052 octets, 5 too many: ');
    expect(told).toEqual([{ event: 'script.long', level: 'warn', message, mac: MAC }]);
  });

  it('notes the reason where there is no script', async () => {
    const { fleet } = aFleet();
    const scripts = {
      forMac: async () => ({ kind: 'unavailable', why: 'no such file: k' }) as const,
      about: () => ({ node: 'n001', image: 'debian', version: undefined }),
      rolesOf: () => undefined,
    };
    await scriptForBoot(MAC, { boots: true }, scripts, fleet, fleet.observe);
    expect(await fleet.status()).toMatchObject([{ diagnosis: { rule: 'script-unavailable' } }]);
  });
});

describe('what a machine boots next', () => {
  const images = { images: ['rescue'] };
  const match = { mac: MAC, node: aNode(), settings: settings(), why: '' };

  it('is an order, for one boot', async () => {
    const { fleet, observe } = aFleet({}, { ...aConfig(), ...images });
    expect(await fleet.order('n009', { image: 'rescue', repeat: 'once' }, 'admin')).toBe('no-machine');
    expect(await fleet.order('n001', { image: 'rescu', repeat: 'once' }, 'admin')).toBe('no-image');
    expect(await fleet.order('52-54-00-00-00-01', { image: 'rescue', repeat: 'once' }, 'admin')).toBe('ordered');
    expect(await fleet.orders()).toMatchObject([{ machine: 'n001', image: 'rescue', by: 'admin' }]);
    observe(events.offer(), events.script());
    expect(await fleet.chosen(match)).toMatchObject({ image: 'rescue', why: 'ordered by admin, once' });
    expect(await fleet.chosen(match)).toMatchObject({ image: 'rescue' });
    observe(events.fetched('/k'), events.fetched('/r'), events.offer());
    expect(await fleet.orders()).toHaveLength(1);
  });

  it('may be ordered and cancelled', async () => {
    const { fleet } = aFleet({}, { ...aConfig(), ...images });
    await fleet.order('n001', { image: 'local', repeat: 'hold' }, 'admin');
    expect(await fleet.cancel('n001')).toBe(true);
    expect(await fleet.cancel('n001')).toBe(false);
  });

  it('is kept, and nothing is ordered where that cannot be', async () => {
    const kept: unknown[] = [];
    const known = { machine: 'n001', image: 'rescue', repeat: 'hold', at: 1, by: 'admin' };
    const store = {
      notes: async () => [['n001', known]] as const,
      putNote: async (...args: unknown[]) => void kept.push(args),
    };
    const { fleet } = aFleet(store, { ...aConfig(), ...images });
    expect(await fleet.orders()).toEqual([known]);
    await fleet.cancel('n001');
    expect(kept).toEqual([['order', 'n001', undefined]]);
    const away = aFleet({ putNote: () => Promise.reject(new Error('away')) }, { ...aConfig(), ...images }).fleet;
    await expect(away.order('n001', { image: 'rescue', repeat: 'once' }, 'admin')).rejects.toThrow('away');
    expect(await away.orders()).toEqual([]);
  });
});

describe('a node', () => {
  it('is one machine, by whichever card it boots', async () => {
    const { fleet, observe } = aFleet();
    observe(events.offer(), events.script());
    const other = '52:54:00:00:00:02';
    const script = {
      event: 'boot.script',
      level: 'debug',
      message: 'script sent',
      node: 'n001',
      image: 'debian',
    } as const;
    observe({ event: 'dhcp.offer', level: 'info', message: 'OFFER', mac: other }, { ...script, mac: other });
    expect(await fleet.status()).toMatchObject([{ node: 'n001', mac: other }]);
    expect(await fleet.boots('n001', 5)).toHaveLength(2);
  });
});

describe('boots before this daemon', () => {
  const now = 100 * 24 * 3_600_000;
  const aKept = (id: string, more: Partial<Boot>): Boot => {
    const { steps: _, ...boot } = aBoot([{}], { id: id.repeat(16), mac: `52:54:00:00:00:0${id}` as Mac, ...more });
    return boot;
  };

  it('are followed where they may go on, and are otherwise what they ended as', async () => {
    const tracker = aTracker();
    const kept = [
      aKept('1', { outcome: 'up', last: now }),
      aKept('2', { outcome: 'under-way', last: 0 }),
      aKept('3', { outcome: 'under-way', last: now }),
    ];
    const byIds = async (ids: readonly string[]) =>
      kept.filter(({ id }) => ids.includes(id)).map((boot) => ({ ...boot, steps: [] }));
    const store = { latest: async () => kept, byIds } as unknown as BootStore;
    const earlier = await followEarlier(tracker, store, now);
    expect(earlier.map(({ id, outcome }) => [id[0], outcome])).toEqual([
      ['1', 'up'],
      ['2', 'unfinished'],
    ]);
    expect([...tracker.boots()].map(({ id }) => id[0])).toEqual(['3']);
    const { fleet } = aFleet({}, aConfig(), {}, { tracker, earlier });
    expect([...fleet.lastBoots()].map(({ id, outcome }) => [id[0], outcome])).toEqual([
      ['1', 'up'],
      ['2', 'unfinished'],
      ['3', 'under-way'],
    ]);
  });

  it('come with news, once, and with the rule of what is stuck', () => {
    const { fleet, observe, pass, news } = aFleet();
    observe(events.offer(), events.script(), events.fetched('/k'));
    expect(news.map(({ kind }) => kind)).toEqual(['began']);
    pass(10 * 60_000);
    const [boot] = [...fleet.lastBoots()];
    expect(boot && fleet.ruleOf(boot)).toBe('kernel-only');
    expect(boot && fleet.ruleOf({ ...boot, id: 'unknown' })).toBeUndefined();
  });
});
