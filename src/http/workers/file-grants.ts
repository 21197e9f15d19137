import { readlink } from 'node:fs/promises';
import type { OpenFile, OpenResult } from '../../model/files/open-file.ts';
import type { Mac } from '../../model/mac.ts';
import type { AppOptions } from '../deps.ts';
import type { FileGrant, Question } from './worker-messages.ts';

/** What one worker was lent and has not given back. */
export class FileGrants {
  private readonly deps: AppOptions;
  private readonly loans = new Map<number, OpenFile>();
  private last = 0;
  private ended = false;

  constructor(deps: AppOptions) {
    this.deps = deps;
  }

  /** Answers a worker's question. Rejects where what is asked fails. */
  async answer(question: Question, argument: string): Promise<unknown> {
    const { scripts, artifacts, bootFiles, registry } = this.deps;
    switch (question) {
      case 'script':
        return scripts.forMac(argument as Mac);
      case 'explain':
        return scripts.explain(argument as Mac);
      case 'bootstrap':
        return scripts.bootstrap();
      case 'artifact':
        return this.lend(await artifacts.open(argument));
      case 'blob':
        return this.lend(await artifacts.openBlob(argument));
      case 'bootFile':
        return this.lend(await bootFiles.open(argument));
      case 'imageNames':
        return registry.names();
      case 'imageManifest': {
        const [name = '', digest] = argument.split(' ');
        return registry.manifest(name, digest);
      }
      case 'imageBlob':
        return this.lend(await registry.blob(argument));
      case 'renewed':
        return (await this.loans.get(Number(argument))?.renew()) ?? false;
    }
  }

  private async lend(opened: OpenResult): Promise<FileGrant> {
    if (!opened.ok) return opened;
    const { file } = opened;
    this.last += 1;
    const loan = this.last;
    this.loans.set(loan, file);
    const whole = file.parts ? [...new Set(file.parts.flatMap((part) => ('file' in part ? [part.file] : [])))] : [file];
    const files = await Promise.all(
      whole.map(async ({ fd, stamp }) => ({ path: await readlink(`/proc/self/fd/${fd}`), stamp })),
    );
    const parts = file.parts?.map((part) =>
      'bytes' in part
        ? Buffer.from(part.bytes).toString('base64')
        : { file: whole.indexOf(part.file), first: part.first, length: part.length },
    );
    if (this.ended) await this.giveBack(loan);
    return { ok: true, loan, digest: file.digest, files, parts };
  }

  async giveBack(loan: number): Promise<void> {
    const file = this.loans.get(loan);
    this.loans.delete(loan);
    await file?.close();
  }

  /** The worker is no more. */
  async end(): Promise<void> {
    this.ended = true;
    await Promise.all([...this.loans.keys()].map((loan) => this.giveBack(loan)));
  }
}
