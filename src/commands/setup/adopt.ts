import { createInterface } from 'node:readline/promises';
import { adopt } from '../../config/edit/adopt.ts';
import { readMac } from '../read-mac.ts';

/** Options of `slipway adopt`. */
export interface AdoptOptions {
  readonly name: string;
  readonly profile?: string;
  readonly image?: string;
  readonly yes?: boolean;
}

/** The terminal that is asked. */
export interface Terminal {
  readonly input: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly output: NodeJS.WritableStream;
}

async function agrees({ input, output }: Terminal): Promise<boolean> {
  const asking = createInterface({ input, output });
  try {
    return /^y(?:es)?$/i.test((await asking.question('Write this? [y/N] ')).trim());
  } finally {
    asking.close();
  }
}

/**
 * Adds a machine to the configuration file as a node: shows the change, and writes it once a person agrees.
 * @returns whether it was written
 * @throws Error with the remedy
 */
export async function adoptMachine(
  file: string,
  mac: string,
  { yes = false, ...node }: AdoptOptions,
  print: (text: string) => void,
  terminal: Terminal,
): Promise<boolean> {
  const adoption = await adopt(file, { ...node, mac: readMac(mac) });
  if ('problem' in adoption) throw new Error(adoption.problem);
  print(`${file}:\n${adoption.diff}`);
  if (!yes && terminal.input.isTTY !== true) {
    print('nothing is written: --yes writes it\n');
    return false;
  }
  if (!yes && !(await agrees(terminal))) {
    print('nothing is written\n');
    return false;
  }
  await adoption.write();
  print(`${file} has ${node.name} now; a running daemon reads it by itself\n`);
  return true;
}
