import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Mirror } from '../../src/model/containers/document.ts';
import { folder, MODULES, runLibrary } from '../dracut-modules/shell.ts';
import type { Finished } from './process.ts';

/** A volume `v` of a machine, in a folder for the test that runs. */
export interface TestVolume {
  /** What the machine keeps; the volume is `volumes/v` in it. */
  readonly top: string;
  readonly directory: string;
  /** Runs a script with the modules' functions, as the machine would in one boot. */
  sh(script: string): Promise<Finished>;
}

/** Makes a volume. @param base what answers about it */
export async function testVolume(
  shell: readonly [string, ...string[]],
  base: string,
  mirror: Partial<Mirror> = {},
  place = 'cache',
): Promise<TestVolume> {
  const top = await folder();
  const directory = join(top, 'volumes/v');
  await mkdir(directory, { recursive: true });
  const whole = { pull: ['start'], push: ['end'], remove: true, exclude: [], ...mirror };
  await writeFile(join(top, 'document'), JSON.stringify({ volumes: [{ name: 'v', place, mirror: whole }] }));
  const prelude = `
    containers_base=${base} containers_document=${top}/document containers_run=${top}/run
    rm -rf "$containers_run"
    for part in mirror mirror-plan mirror-files; do . ${MODULES}/90slipway-containers/containers-$part.sh; done
    slipway_tries=2 V=${directory}
  `;
  return { top, directory, sh: (script) => runLibrary(shell, top, `${prelude}\n${script}`) };
}
