import { useEffect, useMemo, useState } from 'preact/hooks';
import type { BootStep } from '../../../src/model/fleet/boot.ts';
import type { BootChange } from '../../../src/model/fleet/boot-store.ts';
import type { ExplainedBoot } from '../../../src/model/fleet/status.ts';
import { type Answer, useApi } from '../live/hooks.ts';
import { live } from '../live/store.ts';

const keyOf = ({ at, stage, happening, message }: BootStep) => `${at} ${stage} ${happening} ${message}`;

/** A boot that was loaded, moved on by changes that came since; some may be in it already. */
export function withChanges(boot: ExplainedBoot, changes: readonly BootChange[]): ExplainedBoot {
  if (changes.length === 0) return boot;
  const known = new Set(boot.steps.map(keyOf));
  const fresh = changes.map(({ step }) => step).filter((step) => !known.has(keyOf(step)));
  const newest = changes.at(-1)?.boot;
  const moved = newest && newest.last >= boot.last ? newest : boot;
  return { ...boot, ...moved, steps: [...boot.steps, ...fresh].sort((a, b) => a.at - b.at) };
}

/** A boot with its steps, as they come. */
export function useBoot(id: string | undefined): Answer<ExplainedBoot> {
  const answer = useApi<ExplainedBoot>(id && `/boots/${id}`);
  const [news, setNews] = useState<{ readonly id: string | undefined; readonly changes: readonly BootChange[] }>();
  useEffect(() => {
    setNews({ id, changes: [] });
    return live.onChange((change) => {
      if (change.boot.id === id) setNews((before) => ({ id, changes: [...(before?.changes ?? []), change] }));
    });
  }, [id]);
  const changes = news?.id === id ? news?.changes : undefined;
  const value = useMemo(() => answer.value && withChanges(answer.value, changes ?? []), [answer.value, changes]);
  return { ...answer, value };
}
