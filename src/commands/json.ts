/** A value as the commands print it with `--json`, with a newline at its end. */
export const asJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
