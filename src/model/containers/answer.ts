import type { Arrival } from '../settings/served-by.ts';
import type { WantedChanges } from './stored-files.ts';

/** The answer to a machine that runs containers, as HTTP has it. */
export interface ContainersAnswer {
  readonly status: number;
  /** The body, as JSON; absent for none, a text for a reason. */
  readonly text?: string | undefined;
  readonly json?: boolean | undefined;
}

/** What a machine reports of a step, or with an empty name of the pipeline. */
export interface StepReport {
  readonly step: string;
  readonly happening: 'begun' | 'done' | 'failed';
  readonly status?: number | undefined;
  readonly reason?: string | undefined;
  readonly message: string;
}

/** What machines that run containers ask for and tell, by the token of their boot. */
export interface ContainersSource {
  /** The machine's document as people may see it. @param mac in any spelling */
  shown(mac: string): Promise<ContainersAnswer>;
  document(mac: string, token: string, client: string): Promise<ContainersAnswer>;
  /** The next document, after a while none. @param after the digest of the last one, 64 hex digits */
  next(mac: string, token: string, after: string): Promise<ContainersAnswer>;
  /** What starts at the end of its pipeline, by kexec: a {@link KexecDocument}. It begins a boot. */
  kexec(mac: string, token: string, client: string, arrival: Arrival): Promise<ContainersAnswer>;
  /** @param start the place of the first byte in the output of its step; @param data in base64 */
  output(mac: string, token: string, step: string, start: number, data: string): Promise<ContainersAnswer>;
  step(mac: string, token: string, report: StepReport): Promise<ContainersAnswer>;
  /** The files that a volume has in its store. */
  stored(mac: string, token: string, volume: string): Promise<ContainersAnswer>;
  /** URLs by which a machine changes them. */
  change(mac: string, token: string, volume: string, wanted: WantedChanges): Promise<ContainersAnswer>;
}
