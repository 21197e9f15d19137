import type { BootWithSteps } from '../boot.ts';
import type { Diagnosis } from '../status.ts';
import { RULES } from './diagnosis-rules.ts';

/**
 * The likely reason why a boot does not go on, by the first of {@link RULES} that fits; undefined where it goes on.
 * @param now milliseconds since 1970
 */
export function diagnose(boot: BootWithSteps, now: number): Diagnosis | undefined {
  for (const { name, fits, says, remedy } of RULES) {
    const found = fits(boot, now - boot.last);
    if (found === false) continue;
    return { rule: name, message: typeof found === 'string' && found !== '' ? `${says}: ${found}` : says, remedy };
  }
  return undefined;
}
