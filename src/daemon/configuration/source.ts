import { randomBytes } from 'node:crypto';
import type { Scripts } from '../../ipxe-templates/scripts/wanted.ts';
import { NO_TOKEN } from '../../model/boot/boot-plan.ts';
import type { ConfigurationAnswer, ConfigurationSource } from '../../model/configuration/answer.ts';
import {
  DOCUMENTS,
  type Document,
  documentOf,
  instanceOf,
  metaDataOf,
  ROOT_ARGUMENTS,
} from '../../model/configuration/documents.ts';
import { mergeConfiguration } from '../../model/configuration/merge.ts';
import type { RecordEvent } from '../../model/event.ts';
import type { Mac } from '../../model/machine/mac.ts';
import { plainMessage } from '../../model/plain-error.ts';
import type { Config, Match } from '../../model/settings/config.ts';
import type { BootAccess, TokenOwner } from '../fleet/tokens/boot-access.ts';
import { readArguments } from './arguments.ts';
import { metadataAt, metadataTree } from './metadata-tree.ts';
import { withSecrets } from './secrets.ts';
import { Sessions } from './sessions.ts';

/** Options of {@link createConfigurationSource}. */
export interface ConfigurationSourceOptions {
  readonly config: () => Config;
  /** The settings of a machine. */
  readonly match: (mac: Mac) => Match;
  readonly access: Pick<BootAccess, 'ownerOf' | 'ownerAt' | 'noteAddress'>;
  /** The root of a machine and the arguments beside it; undefined where no node names it. */
  readonly root: Scripts['root'];
  /** Renders a file of a machine; undefined where it cannot be. */
  readonly file: (mac: Mac, template: string) => Promise<string | undefined>;
  readonly env: NodeJS.ProcessEnv;
  readonly record: RecordEvent;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonic: () => number;
}

const PLAIN = 'text/plain; charset=utf-8';
const refused = (status: 401 | 404 | 429, why: string): ConfigurationAnswer => ({ ok: false, status, why });
const NOTHING = refused(404, 'there is no such document');
const STRANGER = refused(404, 'no machine that boots is known by this address');

/** Answers machines that ask for their configuration. Secrets are read for each answer, and are in nothing else. */
export function createConfigurationSource(options: ConfigurationSourceOptions): ConfigurationSource {
  const { access, record } = options;
  const sessions = new Sessions(() => randomBytes(32).toString('base64url'), options.monotonic);

  /** The configuration of a machine, with secrets; undefined where it has none. */
  const configurationOf = async (mac: Mac) => {
    const { node, settings } = options.match(mac);
    if (!node || !settings.configuration) return undefined;
    const merged = mergeConfiguration(settings.configuration);
    const instance = instanceOf(node.name, node.hostname.value, merged);
    return { configuration: await withSecrets(merged, options.config().folder, options.env), instance };
  };

  type Found = NonNullable<Awaited<ReturnType<typeof configurationOf>>>;

  /** Sends a machine what a function makes. */
  const sendMade = async (
    owner: TokenOwner,
    name: string,
    client: string,
    make: () => Promise<Document | undefined>,
  ): Promise<ConfigurationAnswer> => {
    const about = { mac: owner.mac, client };
    try {
      const document = await make();
      if (!document) return NOTHING;
      const message = `was sent its ${name}`;
      // Systems read the metadata piece by piece, and again and again.
      const isPiece = name.startsWith('meta-data/');
      const event = isPiece ? 'configuration.read' : 'configuration.sent';
      record({ event, level: isPiece ? 'debug' : 'info', message, document: name, ...about });
      return { ok: true, ...document };
    } catch (error) {
      const message = `its ${name} cannot be sent: ${plainMessage(error)}`;
      record({ event: 'configuration.failed', level: 'error', message, document: name, ...about });
      return { ok: false, status: 503, why: 'the server cannot make this document; its log says why' };
    }
  };

  /** Sends a machine what a function finds in its configuration. */
  const send = (
    owner: TokenOwner,
    name: string,
    client: string,
    find: (found: Found) => Document | undefined | Promise<Document | undefined>,
  ): Promise<ConfigurationAnswer> =>
    sendMade(owner, name, client, async () => {
      const found = await configurationOf(owner.mac);
      return found && (await find(found));
    });

  return {
    async document(token, asked, client) {
      const owner = access.ownerOf(token, asked === ROOT_ARGUMENTS ? 'initrd' : 'root');
      if (owner === 'unknown') return refused(404, 'no boot has this token');
      if (owner === 'too-many') return refused(429, 'this token was used too often');
      access.noteAddress(client, owner);
      const [, file] = /^files\/(.+)$/.exec(asked) ?? [];
      if (file !== undefined) {
        return send(owner, asked, client, async ({ configuration: { files } }) => {
          const template = files && Object.hasOwn(files, file) ? files[file] : undefined;
          const text = template && (await options.file(owner.mac, template));
          const own = `/configuration/${token}`;
          return text ? { type: PLAIN, text: text.replaceAll(`/configuration/${NO_TOKEN}`, own) } : undefined;
        });
      }
      if (asked === ROOT_ARGUMENTS) {
        return sendMade(owner, asked, client, async () => {
          const text = await readArguments(await options.root(owner.mac), options.config().folder, options.env);
          return text === undefined ? undefined : { type: PLAIN, text };
        });
      }
      const name = DOCUMENTS.find((each) => each === asked);
      if (!name) return NOTHING;
      return send(owner, name, client, ({ configuration, instance }) => documentOf(name, configuration, instance));
    },

    async session(client, seconds) {
      if (!access.ownerAt(client)) return STRANGER;
      return { ok: true, type: PLAIN, text: sessions.begin(client, seconds) };
    },

    async metadata(client, session, path) {
      if (session === undefined || !sessions.isOpen(session, client))
        return refused(401, 'expected the token of a session');
      const owner = access.ownerAt(client);
      if (!owner) return STRANGER;
      if (path === '') return { ok: true, type: PLAIN, text: 'meta-data/\nuser-data' };
      // cloud-init asks for it six times where it is missing.
      if (path === 'dynamic/instance-identity') return { ok: true, type: PLAIN, text: '' };
      if (path === 'user-data') {
        return send(owner, path, client, ({ configuration, instance }) => {
          const document = documentOf(path, configuration, instance);
          return document?.text === '' ? undefined : document;
        });
      }
      const [, below] = /^meta-data(?:\/(.*))?$/.exec(path) ?? [];
      if (!/^meta-data(?:\/|$)/.test(path)) return NOTHING;
      return send(owner, path, client, ({ configuration, instance }) => {
        const text = metadataAt(metadataTree(metaDataOf(configuration, instance)), below ?? '');
        return text === undefined ? undefined : { type: PLAIN, text };
      });
    },
  };
}
