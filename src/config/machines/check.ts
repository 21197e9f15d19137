import { type Mac, parseMac } from '../../model/machine/mac.ts';
import { isMapping, type Mapping, mappingOf } from '../../model/mapping.ts';
import type { Finding } from '../check/issues.ts';
import { formatPath, type Path, quote } from '../check/wording.ts';
import { HOSTNAME_EXPECTED, isHostname } from '../schema.ts';
import type { CsvFile } from './csv.ts';
import { isRange, namesOf } from './ranges.ts';

/** Mistakes of a file are shown up to this number. */
const SHOWN = 10;

/** The addresses that a section has, with their places: its own, or those of its file. */
function addressesOf(node: Mapping, path: Path, csv: (path: string) => CsvFile): readonly (readonly [Mac, Path])[] {
  const { mac } = node;
  const own = Array.isArray(mac)
    ? mac.map((each, i) => [each, [...path, 'mac', i]] as const)
    : [[mac, [...path, 'mac']] as const];
  const addresses = own.flatMap(([each, at]): (readonly [Mac, Path])[] => {
    const read = typeof each === 'string' || typeof each === 'number' ? parseMac(String(each)) : undefined;
    return read ? [[read, at]] : [];
  });
  if (typeof node.csv !== 'string') return addresses;
  const names = new Set(namesOf(String(path.at(-1))));
  const rows = [...csv(node.csv).rows].filter(([name]) => names.has(name));
  return [...addresses, ...rows.flatMap(([, { macs }]) => macs.map((each) => [each, [...path, 'csv']] as const))];
}

/** What is wrong with a range, or with the file of its nodes. */
function rangeMistakes(name: string, node: Mapping, csv: (path: string) => CsvFile): readonly [string, string][] {
  const names = namesOf(name);
  if (!names) return [['', 'is no range: expected such as n[001-128], with up to 10000 nodes']];
  if (node.match !== undefined)
    return [['match', 'is for one node: of a range, "csv:" has uuid, serial or asset of each']];
  if (typeof node.csv === 'string') {
    const path = node.csv;
    const { rows, mistakes } = csv(path);
    const missing = names.find((each) => !rows.has(each));
    const all = mistakes.length === 0 && missing !== undefined ? [`1: there is no row for ${missing}`] : mistakes;
    return all.slice(0, SHOWN).map((each) => ['csv', `${path}:${each}`]);
  }
  const count = Array.isArray(node.mac) ? node.mac.length : node.mac === undefined ? 0 : 1;
  return count === names.length
    ? []
    : [['mac', `has ${count} address(es) for ${names.length} nodes: expected one for each, or "csv:" with a file`]];
}

/** What is wrong with how a node is recognised. */
function ownMistakes(node: Mapping): readonly [string, string][] {
  if (node.csv !== undefined) return [['csv', 'is for a range of nodes, such as n[001-128]']];
  const { mac, match } = node;
  const labels = isMapping(match) && match.labels !== undefined;
  if (labels) return [['match', 'has labels, which are for rules: the labels of a node are its own']];
  return mac === undefined && match === undefined
    ? [['mac', 'is missing: expected a MAC address such as 52:54:00:00:00:01, or a list of them, or "match:"']]
    : [];
}

/**
 * Problems of how nodes are recognised: duplicate addresses, ranges and their files, names that are no host names. It
 * reads the raw document, so it works even if the schema has found problems.
 *
 * @param csv reads a file of comma-separated values
 * @param where names a place for a message: `slipway.yaml:12:10`
 */
export function checkMachines(
  document: unknown,
  csv: (path: string) => CsvFile,
  where: (path: Path) => string,
): readonly Finding[] {
  const { nodes } = mappingOf(document);
  const findings: Finding[] = [];
  const taken = new Map<Mac, { readonly node: string; readonly path: Path }>();
  const names = new Map<string, string>();
  for (const [key, value] of Object.entries(mappingOf(nodes))) {
    const path = ['nodes', key];
    const node = mappingOf(value);
    for (const [mac, at] of addressesOf(node, path, csv)) {
      const other = taken.get(mac);
      if (other) {
        const whose = other.node === key ? 'this node has it' : `node ${quote(other.node)} has it`;
        const message = `${formatPath(at)}: duplicate MAC address ${mac}: ${whose} already, at ${where(other.path)}`;
        findings.push({ path: at, target: 'value', message });
      } else taken.set(mac, { node: key, path: at });
    }
    const mistakes = isRange(key) ? rangeMistakes(key, node, csv) : isMapping(value) ? ownMistakes(node) : [];
    for (const [setting, message] of mistakes) {
      const at = setting === '' ? path : [...path, setting];
      findings.push({ path: at, target: setting === '' ? 'key' : 'value', message: `${formatPath(at)} ${message}` });
    }
    for (const name of namesOf(key) ?? []) {
      const other = names.get(name);
      if (other !== undefined) {
        const message = `${formatPath(path)}: there is a node ${quote(name)} already, in ${quote(other)}`;
        findings.push({ path, target: 'key', message });
        break;
      }
      names.set(name, key);
    }
    const [first = key] = namesOf(key) ?? [];
    if (!Object.hasOwn(node, 'hostname') && !isHostname(first)) {
      const message = `the name ${quote(first)} cannot be the host name too: expected "hostname:" with ${HOSTNAME_EXPECTED}`;
      findings.push({ path, target: 'key', message });
    }
  }
  return findings;
}
