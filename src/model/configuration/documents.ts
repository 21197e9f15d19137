import { createHash } from 'node:crypto';
import { stringify } from 'yaml';
import type { Mapping } from '../mapping.ts';
import type { ConfigurationSection } from './merge.ts';

/** The documents that machines fetch, by their names in URLs. */
export const DOCUMENTS = ['user-data', 'meta-data', 'vendor-data', 'network-config', 'ignition'] as const;
export type DocumentName = (typeof DOCUMENTS)[number];

/** The name of the document with arguments of the root, where the initrd fetches them. */
export const ROOT_ARGUMENTS = 'arguments' as const;

/** A document as it is sent. */
export interface Document {
  readonly type: string;
  readonly text: string;
}

/** Whom a document is for. */
export interface Instance {
  readonly id: string;
  readonly hostname: string;
}

const YAML = 'text/yaml; charset=utf-8';

/**
 * YAML that readers of YAML 1.1, such as cloud-init's, take for the same values: texts stand in quotes, so that `no` and
 * `0644` stay texts.
 */
function yaml(value: unknown): string {
  return stringify(value, {
    version: '1.1',
    defaultStringType: 'QUOTE_DOUBLE',
    defaultKeyType: 'PLAIN',
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}

const cloudConfig = (value: Mapping | null | undefined): string => (value ? `#cloud-config\n${yaml(value)}` : '');

/**
 * The id of a machine's instance, by which cloud-init decides whether it configures anew: the same as long as its
 * configuration is.
 * @param configuration with secrets as references
 */
export function instanceOf(node: string, hostname: string, configuration: ConfigurationSection): Instance {
  const digest = createHash('sha256').update(JSON.stringify(configuration)).digest('hex').slice(0, 12);
  return { id: `${node}-${digest}`, hostname };
}

/** The meta-data, with what cloud-init needs where it is not given. */
export function metaDataOf({ meta_data }: ConfigurationSection, { id, hostname }: Instance): Mapping {
  return { 'instance-id': id, 'local-hostname': hostname, ...meta_data };
}

/** Whether there is something for cloud-init. */
export function hasCloudInit({ user_data, meta_data, vendor_data, network_config }: ConfigurationSection): boolean {
  return Boolean(user_data || meta_data || vendor_data || network_config);
}

/**
 * A document of a configuration; undefined where there is none. Of cloud-init's four, all are there where one is: its
 * reader asks ten times for what is missing.
 */
export function documentOf(
  name: DocumentName,
  configuration: ConfigurationSection,
  instance: Instance,
): Document | undefined {
  const { user_data, vendor_data, network_config, ignition } = configuration;
  if (name === 'ignition') {
    return ignition
      ? { type: 'application/vnd.coreos.ignition+json', text: `${JSON.stringify(ignition)}\n` }
      : undefined;
  }
  if (!hasCloudInit(configuration)) return undefined;
  switch (name) {
    case 'user-data':
      return { type: YAML, text: cloudConfig(user_data) };
    case 'vendor-data':
      return { type: YAML, text: cloudConfig(vendor_data) };
    case 'network-config':
      return { type: YAML, text: network_config ? yaml(network_config) : '' };
    case 'meta-data':
      return { type: YAML, text: yaml(metaDataOf(configuration, instance)) };
  }
}
