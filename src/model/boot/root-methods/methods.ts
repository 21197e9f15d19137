import { secretsIn } from '../../configuration/merge.ts';
import type { Root } from '../image.ts';
import { b2c } from './b2c/b2c.ts';
import { bootcLive } from './bootc-live.ts';
import { containerRoot } from './container-root.ts';
import { containers } from './containers.ts';
import { image } from './image.ts';
import { lazy } from './lazy.ts';
import { live } from './live.ts';
import { none } from './none.ts';
import type { RootMethod } from './root-method.ts';

/** All root methods, in the order in which messages list them. */
export const ROOT_METHODS: readonly RootMethod[] = [bootcLive, containerRoot, image, live, lazy, containers, b2c, none];

/** The method of a name that the schema has let through. */
export function rootMethodOf(name: string): RootMethod {
  return ROOT_METHODS.find((method) => method.name === name) ?? none;
}

/** A root of a method without a source, with the defaults of its keys. */
export function defaultRoot(method: string): Root {
  const keys = Object.entries(rootMethodOf(method).keys);
  return { method, ...Object.fromEntries(keys.map(([key, { default: byDefault }]) => [key, byDefault])) };
}

/** Whether each machine gets a document of its own by a method. */
export const hasDocument = (method: string): boolean => rootMethodOf(method).form === 'document';

type AnyRoot = { readonly [key: string]: unknown; readonly method: string };

/**
 * Octets of kernel arguments from which on a root's own are fetched where they can be: Linux takes 2,047, and the template
 * adds to these.
 */
const MOST = 1600;

/** Whether a root has secrets, which must not stand on a kernel line. */
export const hasSecrets = (root: AnyRoot): boolean => secretsIn(root).length > 0;

/**
 * Whether the node fetches arguments of its root: all that it can fetch, so that they stay in order.
 * @param args the arguments of image, profiles and node, beside which they would stand
 */
export function isFetched(root: AnyRoot, args: readonly string[]): boolean {
  const { args: own, fetched } = rootMethodOf(root.method);
  if (!fetched) return false;
  const all = [...args, ...own(root as never), ...fetched.args(root as never)];
  return hasSecrets(root) || Buffer.byteLength(all.join(' ')) > MOST;
}

/**
 * The kernel arguments of a root that a node fetches.
 * @param args those that stand beside them
 * @param url where the node can fetch some; undefined where no node names the machine: its secrets are left out then
 */
export function rootArgs(root: AnyRoot, args: readonly string[] = [], url?: string): readonly string[] {
  const { args: own, fetched } = rootMethodOf(root.method);
  const first = own(root as never).filter((arg) => arg !== false);
  if (!fetched) return first;
  if (url === undefined && hasSecrets(root)) return first;
  const rest = url !== undefined && isFetched(root, args) ? [fetched.at(url)] : fetched.args(root as never);
  return [...first, ...rest];
}

/** The document of arguments that a node fetches; undefined where there is none. @param root with its secrets read */
export function fetchedArguments(root: AnyRoot): string | undefined {
  const { fetched } = rootMethodOf(root.method);
  return fetched && `${fetched.args(root as never).join(' ')}\n`;
}
