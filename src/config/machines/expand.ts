import type { ConfigFile, NodeSection } from '../schema.ts';
import type { CsvFile } from './csv.ts';
import { isRange, namesOf } from './ranges.ts';

function nodesOf(key: string, section: NodeSection, csv: (path: string) => CsvFile): readonly [string, NodeSection][] {
  const { csv: file, mac, ...rest } = section;
  const rows = file === undefined ? undefined : csv(file).rows;
  const macs = Array.isArray(mac) ? mac : [mac];
  return (namesOf(key) ?? []).map((name, index) => {
    const { macs: own, match = {}, hostname } = rows?.get(name) ?? {};
    const node = {
      ...rest,
      range: key,
      mac: own ? [...own] : macs[index],
      ...(Object.keys(match).length > 0 && { match }),
      ...(hostname !== undefined && { hostname }),
    };
    return [name, node];
  });
}

/** The sections with each range of nodes replaced by the nodes that it stands for; the sections have no mistakes. */
export function expandRanges(file: ConfigFile, csv: (path: string) => CsvFile): ConfigFile {
  const { nodes } = file;
  if (!nodes || !Object.keys(nodes).some(isRange)) return file;
  const all = Object.entries(nodes).flatMap(([key, section]): readonly [string, NodeSection][] =>
    isRange(key) ? nodesOf(key, section, csv) : [[key, section]],
  );
  return { ...file, nodes: Object.fromEntries(all) };
}
