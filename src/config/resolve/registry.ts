import { z } from 'zod';
import { MEMORY_EXPECTED, parseMemory } from '../../model/boot/fit/memory.ts';
import { mapping, text, textual } from '../../model/boot/yaml-shapes.ts';
import { SECRET, secretOf } from '../../model/configuration/merge.ts';
import type { RegistrySettings } from '../../model/settings/registry.ts';

const HOST = /^(?=.{1,255}$)[a-z0-9]+(?:[.-]+[a-z0-9]+)*(?::[1-9]\d{0,4})?$/;
const SECRET_EXPECTED = 'a secret: !secret file:PATH or !secret env:NAME';

const TAGS_FOR = 300;
const LIMIT = '50 GiB';

const seconds = 'a whole number of seconds from 1 to 604800';

const login = z
  .strictObject(
    {
      username: text(/^[^:]{1,255}$/, 'a name without ":"')
        .optional()
        .describe('The name to log in with.'),
      password: z
        .object({ [SECRET]: z.string() }, { error: SECRET_EXPECTED })
        .optional()
        .describe('Its password, as !secret file:PATH or !secret env:NAME.'),
      plain_http: z
        .boolean({ error: 'true or false' })
        .optional()
        .describe('Whether the registry is spoken to without TLS. Default: false.'),
    },
    {
      error: ({ code }) =>
        code === 'unrecognized_keys'
          ? 'username password plain_http'
          : 'a mapping, such as {} for a registry without a log-in',
    },
  )
  .refine(({ username, password }) => (username === undefined) === (password === undefined), {
    error: 'username and password, or neither',
  });

const mirrors = z
  .record(text(HOST, 'the host of a registry, such as docker.io or registry.example.net:5000'), login, {
    error: 'a mapping of hosts, such as { docker.io: {} }',
  })
  .optional()
  .describe('The registries whose images are offered, as HOST/NAME; each is fetched once, when it is first asked for.');

/** `server.registry`. */
export const registrySection = z.union(
  [
    z.boolean(),
    mapping({
      mirrors,
      tags_for: z
        .int({ error: seconds })
        .min(1)
        .max(604_800)
        .optional()
        .describe(`For how many seconds a tag counts before it is looked up anew. Default: ${TAGS_FOR}.`),
      limit: textual(MEMORY_EXPECTED.replace('memory', 'disk space'), (each) => parseMemory(each) !== undefined)
        .optional()
        .describe(`Disk space of fetched images; those that were not used for longest go. Default: ${LIMIT}.`),
    }),
  ],
  { error: 'true, false, or a mapping such as { mirrors: { docker.io: {} } }' },
);

/** The settings of a valid section. */
export function toRegistry(section: z.infer<typeof registrySection> | undefined): RegistrySettings | false {
  if (section === undefined || section === false) return false;
  const { mirrors: hosts = {}, tags_for: tagsFor = TAGS_FOR, limit = LIMIT } = section === true ? {} : section;
  const found = Object.entries(hosts).map(([host, { plain_http: plainHttp = false, username, password }]) => {
    const secret = secretOf(password);
    return [
      host,
      { plainHttp, login: username === undefined || secret === undefined ? undefined : { username, secret } },
    ] as const;
  });
  return { mirrors: new Map(found), tagsFor, limit: parseMemory(String(limit)) ?? 0 };
}
