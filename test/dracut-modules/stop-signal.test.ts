import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { folder, runLibrary, SHELLS } from './shell.ts';

describe.each(SHELLS.map((shell) => [shell] as const))('%s', (shell) => {
  /** What crun is told where a step of an image with this configuration is ended. */
  async function stop(config: object, step: object = { systemd: false }): Promise<string> {
    const path = await folder();
    await mkdir(join(path, 'containers/images/key'), { recursive: true });
    await writeFile(join(path, 'containers/images/key/config.json'), JSON.stringify({ config }));
    await writeFile(join(path, 'containers/step-s.json'), JSON.stringify({ image: { reference: 'r' }, ...step }));
    const { stdout } = await runLibrary(
      shell,
      path,
      `. $slipway_parts/containers-run.sh
      containers_run=$slipway_run/containers containers_images=$containers_run/images
      containers_image_key() { echo key; }
      run_crun() { echo "$*" >> $slipway_run/told; }
      run_stop s; head -n 1 $slipway_run/told`,
    );
    return stdout.trim();
  }

  test.each([
    ['SIGQUIT', 'QUIT'],
    ['QUIT', 'QUIT'],
    ['sigusr1', 'USR1'],
    ['3', '3'],
    ['SIGRTMIN+3', 'RTMIN+3'],
    ['SIGRTMAX-14', 'RTMAX-14'],
    ['64', '64'],
    // What is no signal.
    ['SIGFOO', 'TERM'],
    ['0', 'TERM'],
    ['65', 'TERM'],
    ['RTMIN+99', 'TERM'],
    ['-9', 'TERM'],
    ['QUIT; reboot', 'TERM'],
    ['', 'TERM'],
    [7, '7'],
    [null, 'TERM'],
  ])('an image that names %j is asked to end by %s', async (named, signal) => {
    expect(await stop({ StopSignal: named })).toBe(`kill s ${signal}`);
  });

  test('the init system of an image is asked by its own signal, or as the image says', async () => {
    expect(await stop({}, { systemd: true })).toBe('kill s RTMIN+3');
    expect(await stop({ StopSignal: 'SIGPWR' }, { systemd: true })).toBe('kill s PWR');
    expect(await stop({}, {})).toBe('kill s TERM');
  });
});
