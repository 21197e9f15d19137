import { Code } from '../parts/basics.tsx';

const KINDS: Readonly<Record<string, string>> = { '+': 'added', '-': 'removed', '@': 'place' };

/** A change of a file, as `diff -u` has it; the signs in front tell lines apart where colours do not. */
export function Diff({ text }: { readonly text: string }) {
  return (
    <Code label="The change of the configuration">
      {text
        .trimEnd()
        .split('\n')
        .map((line, index) => (
          <span key={`${index} ${line}`} class={`line ${KINDS[line[0] ?? ''] ?? ''}`}>
            {line}
            {'\n'}
          </span>
        ))}
    </Code>
  );
}
