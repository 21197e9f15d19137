import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { plainMessage } from '../../../model/plain-error.ts';
import type { Terminal } from '../adopt.ts';
import { dhcpAdvice, firstConfig, type SeenInterface } from './first-config.ts';
import { probeNetworks, seenImages, seenInterfaces } from './look.ts';

/** Options of `slipway init`. */
export interface InitOptions {
  /** The file to write. */
  readonly file: string;
  /** The interfaces to serve. */
  readonly interface?: readonly string[];
  /** The folder of artifacts. */
  readonly artifacts?: string;
  /** Whether the network is asked for its DHCP servers. */
  readonly probe: boolean;
  readonly yes?: boolean;
  readonly force?: boolean;
}

/** Below this folder the server's own files are elsewhere: it may not write there. */
const SYSTEM = '/etc/';
const STATE = '/var/lib/slipway';

/** The words of an answer, or all of a list by default. */
type Ask = (question: string, standard: string) => Promise<string>;

/** @throws Error with the remedy */
async function chooseInterfaces(
  wanted: readonly string[],
  seen: readonly SeenInterface[],
  ask: Ask | undefined,
): Promise<readonly SeenInterface[]> {
  const [first] = seen;
  if (first === undefined) throw new Error('no interface of this machine has an IPv4 address: give it one first');
  const list = seen.map(({ name, address }) => `${name} (${address})`).join(', ');
  const answer =
    wanted.length === 0 && seen.length > 1 && ask ? await ask(`Interfaces to serve, of ${list}`, first.name) : '';
  const names = wanted.length > 0 ? wanted : answer.split(/[\s,]+/).filter((name) => name !== '');
  if (names.length === 0 && seen.length > 1) throw new Error(`name the interfaces to serve with --interface: ${list}`);
  if (names.length === 0) return [first];
  return names.map((name) => {
    const found = seen.find((each) => each.name === name);
    if (!found) throw new Error(`${name} does not exist or has no IPv4 address; there are ${list}`);
    return found;
  });
}

/**
 * Writes a first configuration from what is seen on this machine. On a terminal it asks what it cannot know, shows the
 * file, and writes it once a person agrees; elsewhere the options say all.
 * @returns whether it was written
 * @throws Error with the remedy, and before anything is written
 */
export async function initConfig(
  options: InitOptions,
  print: (text: string) => void,
  terminal: Terminal,
): Promise<boolean> {
  const { file, interface: wanted = [], probe, yes = false, force = false } = options;
  const talk = !yes && terminal.input.isTTY === true ? createInterface(terminal) : undefined;
  const ask: Ask | undefined =
    talk && (async (question, standard) => (await talk.question(`${question} [${standard}] `)).trim() || standard);
  try {
    if (!force && existsSync(file)) throw isThere(file);
    const seen = seenInterfaces();
    const interfaces = await chooseInterfaces(wanted, seen, ask);
    const system = resolve(file).startsWith(SYSTEM);
    const standard = system ? join(STATE, 'artifacts') : './artifacts';
    const artifacts =
      options.artifacts ?? (ask ? await ask('Folder of kernels, initrds and roots', standard) : standard);
    const images = await seenImages(resolve(dirname(file), artifacts));
    const text = firstConfig({
      ...{ interfaces: interfaces.map(({ name }) => name), artifacts, images },
      state: system ? join(STATE, 'slipway.db') : undefined,
      tokens: system ? join(STATE, 'slipway.tokens') : undefined,
    });
    if (probe) {
      print(`asking ${interfaces.map(({ name }) => name).join(', ')} for DHCP servers …\n`);
      for (const line of dhcpAdvice(await probeNetworks(interfaces), seen)) print(`- ${line}\n`);
    }
    print(`\n${file}:\n${text.replace(/^(?=.)/gm, '  ')}\n`);
    if (ask && !/^y(?:es)?$/i.test(await ask('Write this?', 'y'))) {
      print('nothing is written\n');
      return false;
    }
    await write(file, text, force);
    print(`${file} is written; "slipway check" checks it, and "slipway serve" serves it\n`);
    return true;
  } finally {
    talk?.close();
  }
}

const isThere = (file: string) =>
  new Error(`${file} is there already: --force replaces it, and --file names another one`);

async function write(file: string, text: string, force: boolean): Promise<void> {
  try {
    await mkdir(dirname(resolve(file)), { recursive: true });
    await writeFile(file, text, { flag: force ? 'w' : 'wx' });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') throw isThere(file);
    throw new Error(`${file} cannot be written: ${plainMessage(cause)}`, { cause });
  }
}
