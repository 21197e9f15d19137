import { mappingOf } from '../../../model/mapping.ts';
import type { Finding } from '../../check/issues.ts';
import { quote } from '../../check/wording.ts';

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);

/**
 * Nodes whose configuration for Ignition has no version in any of its sections: Ignition would refuse it.
 * @param document the file's document, valid or not
 */
export function checkConfiguration(document: unknown): Finding[] {
  const { configuration, profiles, nodes } = mappingOf(document);
  return Object.entries(mappingOf(nodes)).flatMap(([name, node]): Finding[] => {
    const shared = list(mappingOf(node).profile).map((profile) => mappingOf(mappingOf(profiles)[String(profile)]));
    const sections = [configuration, ...[...shared, mappingOf(node)].map((holder) => holder.configuration)];
    const documents = sections.flatMap((section) => mappingOf(section).ignition ?? []);
    const hasVersion = documents.some((each) => mappingOf(mappingOf(each).ignition).version !== undefined);
    if (documents.length === 0 || hasVersion) return [];
    const message = `node ${quote(name)} has a configuration for Ignition without a version: expected "ignition: { ignition: { version: 3.4.0 } }" in one of its sections`;
    return [{ path: ['nodes', name], target: 'key', message }];
  });
}
