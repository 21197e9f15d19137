import { containers as schema } from '../../../config/machines/containers/schema.ts';
import type { Image } from '../../../model/boot/image.ts';
import { hasDocument } from '../../../model/boot/root-methods/methods.ts';
import { secretsIn } from '../../../model/configuration/merge.ts';
import { type ContainersSection, kexecImage } from '../../../model/containers/section.ts';
import type { WantedOrder } from '../../../model/fleet/status.ts';
import type { Config } from '../../../model/settings/config.ts';

type Read =
  | { readonly image: string; readonly containers?: ContainersSection | undefined }
  | { readonly problem: string };

const runsContainers = (image: Image | undefined): boolean => image !== undefined && hasDocument(image.root.method);

/** The image in which a machine runs containers: its own, or the first that can. */
function imageFor(machine: string, config: Config): string | undefined {
  const node = config.nodes.find(({ name }) => name === machine);
  const own = node?.settings.image?.value;
  if (own && runsContainers(own)) return own.name;
  return config.images.find((image) => runsContainers(config.choose({ node }, image)?.image?.value));
}

/** Reads an order that came from outside. @param machine the node's name, or the MAC address */
export function readOrder({ image, containers }: WantedOrder, machine: string, config: Config): Read {
  if (containers === undefined) return image === undefined ? { problem: 'expected an image' } : { image };
  const read = schema.safeParse(containers);
  if (!read.success) {
    const [issue] = read.error.issues;
    return { problem: `containers.${issue?.path.join('.') ?? ''}: expected ${issue?.message}` };
  }
  // The token allows orders, and not to read the server's files.
  if (secretsIn(read.data).length > 0)
    return { problem: 'containers: an order has no secrets: name them in the configuration' };
  const next = kexecImage(read.data?.end);
  const root = next === undefined ? undefined : config.choose({}, next)?.image?.value.root;
  if (next !== undefined && (!root || hasDocument(root.method)))
    return { problem: `containers.end.image: there is no image ${JSON.stringify(next)} that boots a system` };
  const chosen = image ?? imageFor(machine, config);
  if (chosen === undefined) return { problem: 'no image of the configuration has root method containers' };
  return { image: chosen, containers: read.data ?? {} };
}
