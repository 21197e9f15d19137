import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

/** How bad a network is: the parts of packets that are lost, doubled, and overtaken by later ones. */
export interface Weather {
  readonly loss: number;
  readonly doubled: number;
  readonly late: number;
}

/** A network that loses, doubles and reorders datagrams. */
export class Network {
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly weather: Weather;
  /** Whether datagrams are lost and doubled as the weather is. */
  isRough = true;

  constructor(clock: Clock, random: Random, weather: Weather) {
    this.clock = clock;
    this.random = random;
    this.weather = weather;
  }

  /** Brings a datagram to its receiver, or does not. */
  carry(arrive: () => void): void {
    const { loss, doubled, late } = this.isRough ? this.weather : { loss: 0, doubled: 0, late: 0 };
    if (this.random.chance(loss)) return;
    for (let copies = this.random.chance(doubled) ? 2 : 1; copies > 0; copies--) {
      const delay = this.random.between(0.1, 0.4) + (this.random.chance(late) ? this.random.between(1, 20) : 0);
      this.clock.after(delay, arrive);
    }
  }
}
