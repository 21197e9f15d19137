import { z } from 'zod';
import { mapping, textual } from '../../model/boot/yaml-shapes.ts';
import { FACT_NAMES, FACTS, type FactName } from '../../model/machine/facts.ts';
import { parseMac } from '../../model/machine/mac.ts';

const GLOB = /[*?]/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/;
const NIC = /^[0-9a-f]{4}:[0-9a-f]{4}$/i;

/** The form of facts that have one, where a text has neither `*` nor `?`. */
const FORMS: Readonly<Partial<Record<FactName, (text: string) => boolean>>> = {
  mac: (text) => parseMac(text) !== undefined,
  uuid: (text) => UUID.test(text),
  relay: (text) => IPV4.test(text),
  nic: (text) => NIC.test(text),
  firmware: (text) => ['bios', 'uefi', 'uefi-pxe', 'uefi-http', 'raspberry-pi'].includes(text),
  arch: (text) => /^[a-z0-9_]+$/.test(text),
};

const oneOrMore = (what: string, fits: (text: string) => boolean) => {
  const error = `${what}; "*" and "?" stand for other characters`;
  const one = textual(error, (text) => text.trim() !== '' && text.length <= 128 && (GLOB.test(text) || fits(text)));
  return z.union([one, z.array(one, { error: `${error}; or a list of them` }).min(1)], { error });
};

const facts = Object.fromEntries(
  FACT_NAMES.map((name) => [name, oneOrMore(FACTS[name], FORMS[name] ?? (() => true)).optional()] as const),
);

/** `match:` of a node or a rule: all that is named must fit; of a list, one. */
export const matchSection = mapping({
  ...facts,
  labels: z
    .record(
      z.string(),
      oneOrMore('the text of a label', () => true),
      { error: 'a mapping of labels' },
    )
    .optional()
    .describe("Labels of the machine's node, for rules."),
}).describe('What the machine must be. A list means one of its items; "*" and "?" stand for other characters.');

/** A `match:` as it stands in the file. */
export type MatchSection = Readonly<Partial<Record<FactName, Text | readonly Text[]>>> & {
  readonly labels?: Readonly<Record<string, Text | readonly Text[]>> | undefined;
};
type Text = string | number;
