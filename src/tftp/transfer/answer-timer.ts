import { asked, onAck, onTimeout, patience, type Rtt, unmeasured } from './rtt.ts';

/** Options of {@link AnswerTimer}. */
export interface AnswerTimerOptions {
  /** The client's `timeout` option, seconds. */
  readonly timeout: number | undefined;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Whether the answer to an OACK is awaited, which has left. */
  readonly isOackSent: () => boolean;
  /** Called whenever the timer has run out, overdue or not; may stop it. */
  readonly onTick: () => void;
  /**
   * Called when the answer is overdue; may stop the timer.
   * @param silence milliseconds without progress
   */
  readonly onOverdue: (silence: number) => void;
}

/** The wait for a client's next answer. */
export class AnswerTimer {
  private readonly options: AnswerTimerOptions;
  private rtt: Rtt;
  /** When the last packet left; undefined while the next one waits for the disk. */
  private sentAt: number | undefined;
  /** When the packets whose answer is awaited left first. */
  private firstSentAt = 0;
  private awaiting = false;
  private timer: NodeJS.Timeout | undefined;
  /** When the timer runs out. */
  private due = 0;
  private stopped = false;

  constructor(options: AnswerTimerOptions) {
    this.options = options;
    this.rtt = unmeasured(options.timeout);
  }

  /** A packet has left. A timer that runs is left alone where that will do: starting it for each packet costs. */
  sent(): void {
    this.sentAt = this.options.now();
    if (!this.awaiting) this.firstSentAt = this.sentAt;
    this.awaiting = true;
    if (this.timer === undefined || this.due > this.sentAt + this.allowed()) this.start();
  }

  /** The next packet waits for the disk. */
  waitForDisk(): void {
    this.sentAt = undefined;
  }

  /**
   * The client made progress.
   * @param once whether it answers packets that were sent once
   */
  progress(once: boolean): void {
    const now = this.options.now();
    this.rtt = onAck(this.rtt, once && this.sentAt !== undefined, now - (this.sentAt ?? now), now - this.firstSentAt);
    this.awaiting = false;
  }

  /** The client repeats its request. */
  asked(): void {
    this.rtt = asked(this.rtt);
  }

  /** Starts the timer anew. */
  start(): void {
    clearTimeout(this.timer);
    const wait = this.remaining();
    this.due = this.options.now() + wait;
    this.timer = setTimeout(this.onTimer, wait);
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  /**
   * Milliseconds that an answer may take. A second OACK makes atftp give up, and whether the first or its ACK was lost
   * cannot be told: so the OACK is sent again only when the client repeats its request, when it cannot have left, or
   * when the client's own timer must have run out twice, for those that repeat their ACK.
   */
  private allowed(): number {
    return this.options.isOackSent() ? 2 * this.rtt.long : patience(this.rtt);
  }

  /** Milliseconds until the answer is overdue; all that it may take while the disk is waited for. */
  private remaining(): number {
    return this.sentAt === undefined ? this.allowed() : this.sentAt + this.allowed() - this.options.now();
  }

  private readonly onTimer = (): void => {
    this.options.onTick();
    if (this.stopped) return;
    if (this.remaining() > 0.5) this.start();
    // The answer may lie in the socket since this process was busy: sockets are read before immediates run.
    else setImmediate(this.onSilence);
  };

  private readonly onSilence = (): void => {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.stopped) return;
    if (this.remaining() > 0.5) {
      this.start();
      return;
    }
    this.rtt = onTimeout(this.rtt, this.allowed());
    this.options.onOverdue(this.rtt.silence);
    // Nothing was sent where that would be too many copies: the client may yet answer one.
    if (this.timer === undefined && !this.stopped && this.sentAt !== undefined) this.sent();
  };
}
