import { useNow } from '../live/hooks.ts';
import { agoText } from '../model/text.ts';

/** How long ago something was. @param at milliseconds since 1970 */
export function Ago({ at }: { readonly at: number }) {
  return <time dateTime={new Date(at).toISOString()}>{agoText(useNow(5000) - at)}</time>;
}
