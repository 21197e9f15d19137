import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { folder, runLibrary, SHELLS } from './shell.ts';

/** What begins each script: a server that prints where each piece belongs, and the piece. */
const PRELUDE = `
  containers_run=$slipway_run/containers containers_base=http://server/token
  . $slipway_parts/containers-log.sh
  slipway_tell() { :; }
  containers_curl() {
    # Written at once: two steps send at a time.
    printf '%s: %s\\n' "\${5#*\\?}" "$(cat "\${2#@}")" >> $slipway_run/came
    echo 204
  }
  try() { log_begin "$1"; printf %s "$2" | log_take "$1"; log_end "$1"; }
`;

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  async function log(script: string): Promise<string> {
    const path = await folder();
    await mkdir(join(path, 'containers'));
    const { stdout } = await runLibrary(shell, path, `${PRELUDE}\n${script}\ncat $slipway_run/came`);
    return stdout;
  }

  test('the output of a further try goes on where that of the one before ended', async () => {
    const came = await log('try two first; try two second; try two third');
    expect(came).toBe('step=two&offset=0: first\nstep=two&offset=5: second\nstep=two&offset=11: third\n');
  });

  test("a step's end takes nothing from one whose name begins alike", async () => {
    const came = await log('log_begin a.b; printf x | log_take a.b; try a y; log_end a.b');
    expect(came.trim().split('\n').sort()).toEqual(['step=a&offset=0: y', 'step=a.b&offset=0: x']);
  });
});
