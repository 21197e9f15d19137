/** `n[001-128]` in three parts: before, the range, after. */
const RANGE = /^([^[\]]*)\[(\d{1,6})-(\d{1,6})\]([^[\]]*)$/;
/** The most nodes of one range. */
const MOST = 10_000;

/** True for a name that stands for several nodes. */
export const isRange = (name: string): boolean => name.includes('[');

/**
 * The names that a range stands for: `n[001-128]` is `n001` to `n128`, in as many digits as the first has.
 * @returns undefined for a name with brackets that is no range of up to 10,000
 */
export function namesOf(name: string): readonly string[] | undefined {
  if (!isRange(name)) return [name];
  const [, before = '', first = '', last = '', after = ''] = RANGE.exec(name) ?? [];
  const count = Number(last) - Number(first) + 1;
  if (first === '' || !(count >= 1 && count <= MOST)) return undefined;
  return Array.from({ length: count }, (_, i) => {
    return `${before}${String(Number(first) + i).padStart(first.length, '0')}${after}`;
  });
}
