import { describe, expect, it } from 'vitest';
import { onAck, onTimeout, patience, type Rtt, unmeasured } from '../../src/tftp/transfer/rtt.ts';

/** A peer that has answered in these times. */
const sampled = (...samples: number[]): Rtt =>
  samples.reduce((rtt, sample) => onAck(rtt, true, sample, sample), unmeasured(undefined));

/** A peer after some timeouts in a row. */
function silent(rtt: Rtt, timeouts: number): Rtt {
  return Array.from({ length: timeouts }).reduce<Rtt>((current) => onTimeout(current, patience(current)), rtt);
}

/** The waits of a peer that has fallen silent, one after the other. */
const waits = (rtt: Rtt, count: number): number[] =>
  Array.from({ length: count }, (_, timeouts) => patience(silent(rtt, timeouts)));

describe('the retransmission timeout', () => {
  it('begins at 50 ms', () => {
    expect(patience(unmeasured(undefined))).toBe(50);
  });

  it('takes the first measurement and half of it as variation, as RFC 6298 says', () => {
    expect(sampled(100)).toMatchObject({ srtt: 100, rttvar: 50, rto: 300 });
  });

  it('smooths the following ones', () => {
    expect(sampled(100, 20)).toMatchObject({ srtt: 90, rttvar: 57.5, rto: 320 });
  });

  it('has a floor of 5 ms, so that a LAN is not waited for', () => {
    expect(patience(sampled(0.1, 0.1, 0.1))).toBe(5);
  });

  it('doubles a few times, then outlasts the timer of 5 s that clients have', () => {
    expect(waits(sampled(0.1), 7)).toEqual([5, 10, 20, 40, 5500, 5500, 5500]);
  });

  it('outlasts the timer that the client names', () => {
    const named = (seconds: number) => waits(onAck(unmeasured(seconds), true, 0.1, 0.1), 6);
    expect(named(1)).toEqual([5, 10, 20, 40, 1500, 1500]);
    expect(named(255)).toEqual([5, 10, 20, 40, 30_500, 30_500]);
  });

  it('never exceeds the long wait', () => {
    expect(waits(sampled(4000), 3)).toEqual([5500, 5500, 5500]);
  });

  it('stays low on a network that loses much: a quick answer is one to the last copy', () => {
    let rtt = sampled(0.2, 0.2, 0.2, 0.2);
    for (let n = 0; n < 100; n++) rtt = onAck(silent(rtt, 2), false, 0.2, 15.2);
    expect(patience(rtt)).toBe(5);
  });

  it('learns a client that has become slow: a late answer is one to the first copy', () => {
    let rtt = sampled(0.2, 0.2, 0.2, 0.2);
    // Sent after 0, 5, 15, 35 and 75 ms, answered after 200.
    rtt = onAck(silent(rtt, 4), false, 125, 200);
    expect(patience(rtt)).toBeGreaterThan(200);
  });

  it('is not spoilt by one long pause', () => {
    let rtt = onAck(silent(sampled(0.2, 0.2, 0.2, 0.2), 5), false, 4000, 9575);
    expect(patience(rtt)).toBeLessThan(400);
    for (let n = 0; n < 30; n++) rtt = onAck(rtt, true, 0.2, 0.2);
    expect(patience(rtt)).toBeLessThan(10);
  });

  it('learns nothing from the first answer where it is doubtful, nor from a report of a gap', () => {
    expect(onAck(silent(unmeasured(undefined), 2), false, 1, 151)).toEqual(unmeasured(undefined));
    expect(onAck(sampled(3), false, 1, 1)).toEqual(sampled(3));
  });

  it('adds up the silence until it is broken', () => {
    const rtt = silent(sampled(0.1), 3);
    expect(rtt).toMatchObject({ tries: 3, silence: 35 });
    expect(onAck(rtt, false, 0.1, 35.1)).toMatchObject({ tries: 0, silence: 0 });
  });
});
