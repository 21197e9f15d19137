import { setTimeout as pause } from 'node:timers/promises';
import type { MachineStatus } from '../../src/model/fleet/status.ts';
import { type Lab, SERVER_ADDRESS } from './lab.ts';

/** What the lab's daemon tells of a machine now; undefined where it does not know it. */
export async function statusOf({ network }: Lab, mac: string): Promise<MachineStatus | undefined> {
  const url = `http://${SERVER_ADDRESS}:8080/api/v1/status`;
  const answer = JSON.parse(await network.must('client', 'curl', ['-sS', '--fail', url])) as {
    readonly machines: readonly MachineStatus[];
  };
  return answer.machines.find((each) => each.mac === mac);
}

/**
 * What the lab's daemon tells of a machine, as soon as it is what a test waits for.
 * @param seconds a last resort against hanging, not an expectation
 * @throws with the last status if the time runs out first
 */
export async function statusOnce(
  lab: Lab,
  mac: string,
  fits: (status: MachineStatus) => boolean,
  seconds: number,
): Promise<MachineStatus> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const status = await statusOf(lab, mac);
    if (status && fits(status)) return status;
    if (Date.now() > end) throw new Error(`${seconds} s passed; the last status of ${mac}: ${JSON.stringify(status)}`);
    await pause(1000);
  }
}
