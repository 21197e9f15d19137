import { type Mac, parseMac } from '../model/machine/mac.ts';

/**
 * The MAC address that a person names.
 * @throws Error with the remedy
 */
export function readMac(text: string): Mac {
  const mac = parseMac(text);
  if (!mac) throw new Error(`${JSON.stringify(text)} is no MAC address; expected one such as 52:54:00:00:00:01`);
  return mac;
}
