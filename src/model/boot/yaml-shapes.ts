import { z } from 'zod';

/**
 * Shapes of values in the configuration file, for its schema and for the root methods. Nothing here transforms a value
 * or fills one in. Each `error` says what is expected; `issues.ts` adds the rest of the message.
 */

export type Shape = z.core.$ZodShape;

/** A mapping that knows its keys. The `error` of an unknown key is the list of those that exist. */
export const mapping = <T extends Shape>(shape: T) =>
  z.strictObject(shape, {
    error: ({ code }) => (code === 'unrecognized_keys' ? Object.keys(shape).join(' ') : 'a mapping'),
  });

export const oneOf = <const T extends readonly string[]>(values: T) =>
  z.enum(values, { error: values.join(values.length === 2 ? ' or ' : ', ').replace(/, (?=[^,]*$)/, ' or ') });

export const text = (pattern: RegExp, error: string) => z.string({ error }).regex(pattern);

/** Text that YAML may take for a number: `525400000001` is an address and `1.10` a label, as they are written. */
export const textual = (error: string, holds: (text: string) => boolean) =>
  z.union([z.string(), z.number()], { error }).refine((value) => holds(String(value)), { error });

/**
 * iPXE splits a command at blanks only: a word that begins with `#` hides the rest of the line, and `||`, `&&` and `;`
 * end the command. No quoting keeps them (iPXE's `core/exec.c`).
 */
export function isKernelArgument(text: string): boolean {
  return text.trim() !== '' && !text.split(/\s+/).some((word) => word.startsWith('#') || /^(?:\|\||&&|;)$/.test(word));
}

/** Whether a source begins with a scheme, and so is no path. */
export function isUrl(source: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(source);
}

function isSource(source: string): boolean {
  if (isUrl(source)) return /^(?:https?|tftp):\/\/\S+$/i.test(source) && URL.canParse(source);
  return !/^\/|\/\.?$|^\.?$/.test(source) && !source.split('/').includes('..');
}

const PATH = 'a path below the artifacts folder';
const SOURCE_EXPECTED = `${PATH} (relative, without "..") or an http(s) or tftp URL`;

/** A file by its path below the artifacts folder or by its URL. */
export const source = (what: string) =>
  z.string({ error: SOURCE_EXPECTED }).refine(isSource).describe(`${what}: ${PATH}, or an http(s) or tftp URL.`);

/** A file below the artifacts folder. */
export const artifact = (what: string) =>
  z
    .string({ error: `${PATH} (relative, without ".."), for this method no URL` })
    .refine((path) => isSource(path) && !isUrl(path))
    .describe(`${what}: ${PATH}.`);

/**
 * An image in a registry, as skopeo names it, with a host: `docker://HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]`
 * (OCI distribution specification 1.1, "Pulling manifests").
 */
export function isRegistryImage(text: string): boolean {
  return /^docker:\/\/[A-Za-z0-9.-]+(?::\d{1,5})?(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)+(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/.test(
    text,
  );
}

/** An OCI archive, or an image in a registry. */
export const imageSource = z
  .string({ error: `${SOURCE_EXPECTED}, or an image in a registry such as docker://registry.example.net/node:latest` })
  .refine((text) => isSource(text) || isRegistryImage(text))
  .describe(
    `The OCI archive: ${PATH}, or an http(s) or tftp URL; or docker://HOST/NAME:TAG; or oci:NAME, an image that was built.`,
  );

/** The size of a tmpfs (Linux' Documentation/filesystems/tmpfs.rst). */
export const tmpfsSize = textual('a size such as 3G, 800M or 75%', (t) =>
  /^(?:[1-9]\d{0,18}[KMGT]?|[1-9]\d?%|100%)$/i.test(t),
);
