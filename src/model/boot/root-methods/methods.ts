import type { Root } from '../image.ts';
import { bootcLive } from './bootc-live.ts';
import { containerRoot } from './container-root.ts';
import { containers } from './containers.ts';
import { image } from './image.ts';
import { lazy } from './lazy.ts';
import { live } from './live.ts';
import { none } from './none.ts';
import type { RootMethod } from './root-method.ts';

/** All root methods, in the order in which messages list them. */
export const ROOT_METHODS: readonly RootMethod[] = [bootcLive, containerRoot, image, live, lazy, containers, none];

/** The method of a name that the schema has let through. */
export function rootMethodOf(name: string): RootMethod {
  return ROOT_METHODS.find((method) => method.name === name) ?? none;
}

/** A root of a method without a source, with the defaults of its keys. */
export function defaultRoot(method: string): Root {
  const keys = Object.entries(rootMethodOf(method).keys);
  return { method, ...Object.fromEntries(keys.map(([key, { default: byDefault }]) => [key, byDefault])) };
}

/** The kernel arguments of a root that a node fetches. */
export function rootArgs(root: { readonly [key: string]: unknown; readonly method: string }): readonly string[] {
  const args = rootMethodOf(root.method).args(root as never);
  return args.filter((arg) => arg !== false);
}
