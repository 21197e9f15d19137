import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Network } from './network.ts';

/** A registry on a host of the lab, port 5000, by plain HTTP: Debian's docker-registry. */
export interface Registry {
  /** Copies an image into it. Both as skopeo names them. */
  push(source: string, target: string): Promise<void>;
  /** Its log so far, with a line for each request. */
  log(): string;
  kill(): Promise<void>;
  /** Starts it again with its data. */
  restart(): Promise<void>;
}

/** Starts it on a host, with its data below `folder`. It ends with the network. */
export async function startRegistry(network: Network, folder: string, host = 'server'): Promise<Registry> {
  const data = join(folder, 'registry');
  await mkdir(data);
  const config = join(folder, 'registry.yaml');
  await writeFile(
    config,
    `version: 0.1\nlog: { level: info }\nstorage: { filesystem: { rootdirectory: ${data} } }\nhttp: { addr: 0.0.0.0:5000 }\n`,
  );
  let earlier = '';
  const start = async () => {
    const started = network.start(host, 'docker-registry', ['serve', config]);
    await started.until(/listening on/);
    return started;
  };
  let registry = await start();
  return {
    async push(source, target) {
      await network.must(host, 'skopeo', ['copy', '--quiet', '--dest-tls-verify=false', source, target]);
    },
    log: () => earlier + registry.output,
    kill: async () => {
      await registry.stop('SIGKILL');
      earlier += registry.output;
    },
    restart: async () => {
      registry = await start();
    },
  };
}
