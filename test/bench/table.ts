/** One line of the table. */
export interface Row {
  readonly work: string;
  readonly target: string;
  readonly figure: string;
  /** Undefined where nothing is asked for. */
  readonly holds: boolean | undefined;
}

/** The middle one of some figures, or what lies between the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const at = (index: number) => sorted[index] ?? Number.NaN;
  return (at(Math.floor(middle)) + at(Math.ceil(middle))) / 2;
}

/** One line in Markdown. */
export function formatRow({ work, target, figure, holds }: Row): string {
  return `| ${work} | ${target} | ${figure} | ${holds === undefined ? '' : holds ? 'yes' : '**no**'} |`;
}

export const TABLE_HEAD = '| work | target | figure | holds |\n|---|---|---|---|';
