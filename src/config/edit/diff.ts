/** Lines that are shown before and behind a change. */
const CONTEXT = 3;

/** The one change between two texts, in the form of `diff -u` without its heads; empty where they are the same. */
export function diffOf(before: string, after: string): string {
  const [old, next] = [before.split('\n'), after.split('\n')];
  let start = 0;
  while (start < old.length && start < next.length && old[start] === next[start]) start++;
  let end = 0;
  while (end < old.length - start && end < next.length - start && old.at(-1 - end) === next.at(-1 - end)) end++;
  const removed = old.slice(start, old.length - end);
  const added = next.slice(start, next.length - end);
  if (removed.length === 0 && added.length === 0) return '';
  const above = old.slice(Math.max(0, start - CONTEXT), start);
  const below = old.slice(old.length - end, old.length - end + CONTEXT);
  const lines = [
    `@@ line ${start + 1} @@`,
    ...above.map((line) => ` ${line}`),
    ...removed.map((line) => `-${line}`),
    ...added.map((line) => `+${line}`),
    ...below.map((line) => ` ${line}`),
  ];
  return `${lines.join('\n').trimEnd()}\n`;
}
