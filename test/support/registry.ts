import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Network } from './network.ts';

/** A registry on the lab's server host, port 5000, by plain HTTP: Debian's docker-registry. */
export interface Registry {
  /** Copies an image into it. Both as skopeo names them. */
  push(source: string, target: string): Promise<void>;
}

/** Starts it, with its data below `folder`. It ends with the network. */
export async function startRegistry(network: Network, folder: string): Promise<Registry> {
  const data = join(folder, 'registry');
  await mkdir(data);
  const config = join(folder, 'registry.yaml');
  await writeFile(
    config,
    `version: 0.1\nlog: { level: info }\nstorage: { filesystem: { rootdirectory: ${data} } }\nhttp: { addr: 0.0.0.0:5000 }\n`,
  );
  const registry = network.start('server', 'docker-registry', ['serve', config]);
  await registry.until(/listening on/);
  return {
    async push(source, target) {
      await network.must('server', 'skopeo', ['copy', '--quiet', '--dest-tls-verify=false', source, target]);
    },
  };
}
