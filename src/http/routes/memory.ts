import type { Request } from 'express';
import { type InstalledMemory, readInstalledMemory } from '../../model/machine/installed-memory.ts';
import type { Mac } from '../../model/machine/mac.ts';
import type { AppOptions } from '../app-options.ts';
import { isBoot, recordOf } from './respond.ts';

const MIB = 1024 * 1024;

/** The question of a script: whether the machine has as much memory as its boot needs. */
interface MemoryQuestion {
  /** MiB. */
  readonly needs: number;
  readonly has: InstalledMemory | undefined;
}

/** Reads the question `?needs=…&memsize=…&modules=…`; undefined for other requests. */
function readQuestion(query: URLSearchParams): MemoryQuestion | undefined {
  const needs = query.get('needs') ?? '';
  if (!/^[1-9]\d{0,8}$/.test(needs)) return undefined;
  return { needs: Number(needs), has: readInstalledMemory(query.get('memsize') ?? '', query.get('modules') ?? '') };
}

/**
 * Answers the question of a script of `base.ipxe.njk`: iPXE itself cannot compare numbers. Where the memory is unknown,
 * it is enough.
 * @returns the commands to set `slipway-fit` and `slipway-memory`; undefined for other requests
 */
export function answerMemory(
  options: AppOptions,
  request: Request,
  mac: Mac,
  query: URLSearchParams,
): string | undefined {
  const question = readQuestion(query);
  if (!question) return undefined;
  const { needs, has } = question;
  const short = has !== undefined && !has.least && has.mib < needs;
  if (has && isBoot(request)) {
    const memory = has.mib * MIB;
    const message = `the machine has ${has.mib} MiB of memory${short ? `, and its image needs at least ${needs} MiB` : ''}`;
    recordOf(options, request, {
      ...{ event: 'boot.memory', level: short ? 'warn' : 'debug', message, mac },
      ...(has.least ? {} : { memory }),
      ...(short ? { reason: 'memory' } : {}),
    });
  }
  return `#!ipxe\nset slipway-memory ${has?.mib ?? 0}\nset slipway-fit ${short ? 'short' : 'enough'}\n`;
}
