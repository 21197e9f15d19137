import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { configOf } from '../config/read.ts';
import { TOP } from '../support/lab.ts';

const FOLDER = join(TOP, 'packaging/container');
const read = (name: string) => readFileSync(join(FOLDER, name), 'utf8');

interface Service {
  readonly build: { readonly context: string; readonly dockerfile: string; readonly target?: string };
  readonly volumes: readonly string[];
  readonly healthcheck?: {
    readonly test: readonly string[];
    readonly interval: string;
    readonly timeout: string;
    readonly start_period: string;
  };
}
const compose = parse(read('compose.yaml')) as {
  readonly services: Readonly<Record<'slipway' | 'dnsmasq', Service>>;
  readonly volumes: object;
};
const containerfile = read('Containerfile');

describe('the container', () => {
  it.each(Object.entries(compose.services))('%s is built and mounted from what there is', (_, service) => {
    const { context, dockerfile, target } = service.build;
    expect(existsSync(join(FOLDER, context, dockerfile))).toBe(true);
    if (target !== undefined) expect(containerfile).toContain(`FROM $BASE AS ${target}\n`);
    for (const [source = ''] of service.volumes.map((volume) => volume.split(':')))
      expect(source.startsWith('./') ? existsSync(join(FOLDER, source)) : source in compose.volumes, source).toBe(true);
  });

  it('is checked the same way in both files', () => {
    const { test, interval, timeout, start_period } = compose.services.slipway.healthcheck ?? {};
    expect(containerfile).toContain(
      `HEALTHCHECK --interval=${interval} --timeout=${timeout} --start-period=${start_period} `,
    );
    expect(containerfile).toContain(`CMD ${JSON.stringify(test?.slice(1)).replaceAll(',', ', ')}\n`);
  });

  it('has a configuration that is valid, on the interface of dnsmasq', () => {
    const { server } = configOf(read('slipway/config.yaml'));
    expect(server.interface).toBe(/^interface=(.*)$/m.exec(read('dnsmasq.conf'))?.[1]);
  });
});
