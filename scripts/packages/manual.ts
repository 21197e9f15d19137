import { flatten, type Outline } from '../../src/commands/line/outline.ts';

/** A page of the manual: its file's name, and its text for man(7). */
export interface Page {
  readonly file: string;
  readonly text: string;
}

/** What all pages say of themselves. */
export interface Edition {
  readonly version: string;
  /** YYYY-MM-DD */
  readonly date: string;
}

/** Text as roff reads it: nothing in it is a request or an escape. */
export function roff(text: string): string {
  const escaped = text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('…', '...').replaceAll('`', '\\`');
  return escaped.replace(/^(?=[.'])/gm, '\\&');
}

const bold = (text: string) => `\\fB${roff(text)}\\fR`;
const italic = (text: string) => `\\fI${roff(text)}\\fR`;
/** `--config <file>` as manuals have it: what is typed is bold, what is replaced is italic. */
const usage = (text: string) => text.replace(/<([^>]*)>|[^<]+/g, (all, name) => (name ? italic(name) : bold(all)));

const title = (name: string, section: number, { version, date }: Edition) =>
  `.TH "${roff(name.toUpperCase())}" "${section}" "${date}" "slipway ${version}" "Slipway"`;
const nameOf = ({ path }: Outline) => ['slipway', ...path].join('-');

/** A list of terms, each with its text. */
function terms(items: readonly (readonly [term: string, text: string])[]): string[] {
  return items.flatMap(([term, text]) => ['.TP', term, roff(text)]);
}

function synopsis({ path, options, commands, arguments: args }: Outline): string {
  const needed = options.filter(({ mandatory }) => mandatory).map(({ long, value }) => usage(`${long} ${value ?? ''}`));
  const given = args.map(({ name, required, variadic }) => {
    const text = `${italic(name)}${variadic ? ' ...' : ''}`;
    return required ? text : `[${text}]`;
  });
  const rest = commands.length > 0 ? [italic('command')] : [...needed, ...given];
  return [bold(['slipway', ...path].join(' ')), `[${italic('options')}]`, ...rest].join(' ');
}

function commandPage(command: Outline, edition: Edition): Page {
  const name = nameOf(command);
  const about: (readonly [string, string])[] = command.arguments.map((each) => [italic(each.name), each.description]);
  const options = command.options.map(({ long, short, value, choices, description }) => {
    const flags = [short, long].filter((flag) => flag !== undefined).join(', ');
    const words = choices.length > 0 ? ` (one of: ${choices.join(', ')})` : '';
    return [usage(`${flags}${value ? ` ${value}` : ''}`), `${description}${words}`] as const;
  });
  const below = command.commands.map((each) => [`\\fB${roff(nameOf(each))}\\fR(1)`, each.description] as const);
  const parent = command.path.length > 0 ? ['slipway', ...command.path.slice(0, -1)].join('-') : undefined;
  const see = [...(parent ? [`${bold(parent)}(1)`] : []), `${bold('slipway.yaml')}(5)`].join(', ');
  const lines = [
    title(name, 1, edition),
    ...['.SH NAME', `${roff(name)} \\- ${roff(command.description)}`, '.SH SYNOPSIS', synopsis(command)],
    ...['.SH DESCRIPTION', roff(`${command.description}.`)],
    ...(about.length > 0 ? ['.SH ARGUMENTS', ...terms(about)] : []),
    ...(below.length > 0 ? ['.SH COMMANDS', ...terms(below)] : []),
    ...['.SH OPTIONS', ...terms(options)],
    ...['.SH EXIT STATUS', '0 where it did what it says, 1 otherwise.'],
    ...[
      '.SH FILES',
      ...terms([
        [bold('./config.yaml'), 'the configuration'],
        [bold('/etc/slipway/config.yaml'), 'the configuration where there is no other'],
      ]),
    ],
    ...['.SH SEE ALSO', see],
  ];
  return { file: `${name}.1`, text: `${lines.join('\n')}\n` };
}

/** A page for the program, and one for each command. */
export function commandPages(program: Outline, edition: Edition): readonly Page[] {
  return flatten(program).map((command) => commandPage(command, edition));
}

/** A part of a JSON schema. */
interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly items?: Schema;
  readonly additionalProperties?: Schema | boolean;
}

/** Each setting's path and description, in the order of the schema; of those that several sections have, the first. */
function settings(schema: Schema): readonly (readonly [path: string, description: string])[] {
  const found: [string, string][] = [];
  const known = new Set<string>();
  const walk = (node: Schema, path: string) => {
    const key = `${path.slice(path.lastIndexOf('.') + 1)}: ${node.description}`;
    if (node.description !== undefined && !known.has(key)) {
      known.add(key);
      found.push([path, node.description]);
    }
    for (const [name, each] of Object.entries(node.properties ?? {})) walk(each, path ? `${path}.${name}` : name);
    for (const each of [...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.allOf ?? [])]) walk(each, path);
    if (node.items) walk(node.items, `${path}[]`);
    if (typeof node.additionalProperties === 'object') walk(node.additionalProperties, `${path}.NAME`);
  };
  walk(schema, '');
  return found.filter(([path]) => path !== '');
}

/** slipway.yaml(5), from the configuration's JSON schema. */
export function configurationPage(schema: object, edition: Edition): Page {
  const all = settings(schema as Schema);
  const sections = [...new Set(all.map(([path]) => path.split(/[.[]/)[0] ?? ''))];
  const lines = [
    title('slipway.yaml', 5, edition),
    ...['.SH NAME', 'slipway.yaml \\- configuration of the netboot server slipway'],
    '.SH DESCRIPTION',
    roff(
      'One YAML file, by default ./config.yaml or else /etc/slipway/config.yaml. NAME stands for a name of your own, [] for each of a list. A setting that several sections have is described once, where it comes first.',
    ),
    roff('The server reads changes by itself; "slipway check" says what is wrong with them.'),
    ...sections.flatMap((section) => [
      `.SH ${roff(section.toUpperCase())}`,
      ...terms(all.filter(([path]) => path.split(/[.[]/)[0] === section).map(([path, text]) => [bold(path), text])),
    ]),
    ...['.SH SEE ALSO', `${bold('slipway')}(1), ${bold('slipway-check')}(1)`],
  ];
  return { file: 'slipway.yaml.5', text: `${lines.join('\n')}\n` };
}
