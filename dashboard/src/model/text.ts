/** `4.2 s`, `3 min`, `5 h`, `2 d`: a span of milliseconds. */
export function spanText(ms: number): string {
  const seconds = Math.max(0, ms / 1000);
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

/** How long ago, in whole seconds, so that the text stands still. */
export function agoText(ms: number): string {
  return ms < 2000 ? 'now' : `${spanText(ms < 10_000 ? Math.round(ms / 1000) * 1000 : ms).replace('.0 ', ' ')} ago`;
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** `412 MiB`: bytes. */
export function bytesText(bytes: number): string {
  const power = Math.min(UNITS.length - 1, bytes > 0 ? Math.floor(Math.log2(bytes) / 10) : 0);
  const value = bytes / 1024 ** power;
  return `${value < 10 && power > 0 ? value.toFixed(1) : Math.round(value)} ${UNITS[power]}`;
}

/** The first digits of a digest, enough to tell versions apart. */
export const shortDigest = (digest: string): string => digest.slice(0, 12);

/** Date and time of day as the browser's user writes them. */
export const timeText = (at: number): string =>
  new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** `1 machine`, `2 machines`. */
export const count = (number: number, one: string): string =>
  `${number.toLocaleString('en')} ${number === 1 ? one : `${one}s`}`;
