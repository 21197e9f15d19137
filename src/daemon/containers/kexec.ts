import { kexecPlan } from '../../ipxe-templates/scripts/kexec.ts';
import type { ScriptResult } from '../../model/boot/script.ts';
import type { ContainersAnswer } from '../../model/containers/answer.ts';
import type { ContainersDocument, KexecDocument } from '../../model/containers/document.ts';
import { kexecImage } from '../../model/containers/section.ts';
import type { RecordEvent } from '../../model/event.ts';
import { dropOldest } from '../../model/limits/drop-oldest.ts';
import type { KnownFacts } from '../../model/machine/known-facts.ts';
import type { Mac } from '../../model/machine/mac.ts';
import type { Match } from '../../model/settings/config.ts';
import { type Arrival, type ServerIdentities, servedBy } from '../../model/settings/served-by.ts';
import { baseUrl } from '../../model/settings/server.ts';
import type { FleetMemory } from '../fleet/fleet.ts';
import type { KexecRequest } from '../fleet/script-for-boot.ts';
import type { TokenOwner } from '../fleet/tokens/boot-access.ts';
import { sectionOf } from './documents.ts';

/** Boots whose last document is remembered; the oldest go. */
const MAX = 20_000;

/** Options of {@link Kexecs}. */
export interface KexecOptions {
  readonly servers: () => ServerIdentities;
  readonly match: (mac: Mac) => Match;
  /** The document that the machine's last script has the digest of. */
  readonly documentOf: (mac: Mac) => string | undefined;
  /** Begins a boot, and gives its script. */
  readonly kexec: (mac: Mac, request: Omit<KexecRequest, 'told'>) => Promise<ScriptResult>;
  readonly facts: Pick<KnownFacts, 'of'>;
  readonly fleet: Pick<FleetMemory, 'access' | 'boot' | 'tokenOf' | 'observe' | 'settled'>;
  readonly record: RecordEvent;
}

const NOT_OVER = { status: 409, text: 'the pipeline of this boot is not over' };
const NO_KEXEC = { status: 409, text: 'the containers of this boot do not end with kexec' };

/** Tells machines what they start by kexec when their pipeline is over. */
export class Kexecs {
  private readonly options: KexecOptions;
  /** Documents that machines got without a restart, by their boots. */
  private readonly sent = new Map<string, string>();

  constructor(options: KexecOptions) {
    this.options = options;
  }

  /** Notes that a boot got a document that is not that of its script. */
  note(boot: string, document: string): void {
    this.sent.delete(boot);
    this.sent.set(boot, document);
    dropOldest(this.sent, MAX);
  }

  /** The image with which a boot goes on: what the machine was told, also where the configuration has changed. */
  private imageOf({ mac, boot }: TokenOwner): string | undefined {
    const { documentOf, match } = this.options;
    const text = this.sent.get(boot) ?? documentOf(mac);
    const end = text === undefined ? sectionOf(match(mac)).end : (JSON.parse(text) as ContainersDocument).end;
    return kexecImage(end);
  }

  /** Whether a boot's pipeline is over: a step that can read the kernel line is not to have what comes next. */
  private async isOver(boot: string): Promise<boolean> {
    const { fleet } = this.options;
    await fleet.settled();
    const { steps = [] } = (await fleet.boot(boot).catch(() => undefined)) ?? {};
    const last = steps.findLast(({ stage }) => stage === 'pipeline');
    return last !== undefined && last.step === undefined && last.happening !== 'begun';
  }

  /** What a machine starts, as a {@link KexecDocument}. @param client its IP address */
  async answer(owner: TokenOwner, client: string, arrival: Arrival): Promise<ContainersAnswer> {
    const { servers, kexec, facts, fleet, record } = this.options;
    const { mac } = owner;
    const image = this.imageOf(owner);
    if (image === undefined) return NO_KEXEC;
    if (!(await this.isOver(owner.boot))) return NOT_OVER;
    const result = await kexec(mac, { image, arrival });
    fleet.access.noteSuccessor(owner, client);
    const failed = (status: number, why: string) => {
      const message = `it cannot go on by kexec into ${image}: ${why}`;
      record({ event: 'containers.failed', level: 'error', message, mac });
      return { status, text: why };
    };
    if (result.kind === 'question') return failed(409, 'this server has restarted, and does not know the machine');
    if (result.kind !== 'script') return failed(503, 'why' in result ? result.why : 'it would show a menu');
    const url = baseUrl(servedBy(servers(), arrival));
    const plan = kexecPlan(result.text, facts.of(mac), url);
    if ('fault' in plan) {
      fleet.observe({ event: 'boot.script', level: 'debug', message: plan.fault, reason: 'unavailable', mac });
      return failed(409, `${image}: ${plan.fault}`);
    }
    record({ event: 'containers.kexec', level: 'info', message: `goes on by kexec into ${image}`, mac, client });
    const document: KexecDocument = { ...plan, report: `${url}/report/${fleet.tokenOf(mac)}` };
    return { status: 200, text: `${JSON.stringify(document)}\n`, json: true };
  }
}
