import { readlink } from 'node:fs/promises';
import type { ConfigurationAnswer } from '../../model/configuration/answer.ts';
import type { ContainersAnswer } from '../../model/containers/answer.ts';
import type { OpenFile } from '../../model/files/open-file.ts';
import { filesOf, mapFiles, segmentToJson } from '../../model/files/segment.ts';
import type { AppOptions } from '../app-options.ts';
import type { Asked, Granted, Questions } from './worker-messages.ts';

/** Answers one worker's questions, and holds open the files that were granted to it until it returns them. */
export class FileGrants {
  private readonly questions: Questions;
  private readonly granted = new Map<number, OpenFile>();
  private last = 0;
  private ended = false;

  constructor({
    scripts,
    artifacts,
    bootFiles,
    registry,
    mirror,
    configuration,
    containers,
    fleet,
    metrics,
  }: AppOptions) {
    this.questions = {
      script: async (mac, request) => scripts.forMac(mac, request),
      explain: async (mac, request) => scripts.explain(mac, request),
      bootstrap: async (arrival) => scripts.bootstrap(arrival),
      artifact: async (path) => this.grant(await artifacts.open(path)),
      blob: async (digest) => this.grant(await artifacts.openBlob(digest)),
      bootFile: async (name) => this.grant(await bootFiles.open(name)),
      imageNames: () => registry.names(),
      imageManifest: (name, digest) => registry.manifest(name, digest),
      imageBlob: async (digest) => this.grant(await registry.blob(digest)),
      mirroredManifest: (host, name, reference) => mirror.manifest(host, name, reference),
      mirroredBlob: async (host, name, digest) => this.grant(await mirror.blob(host, name, digest)),
      arrived: async (grant, end) => this.granted.get(grant)?.arrived?.(end),
      fleet: (call, args) => (fleet[call] as (...args: readonly unknown[]) => Promise<unknown>)(...args),
      configuration: (call, args) =>
        (configuration[call] as (...args: readonly unknown[]) => Promise<ConfigurationAnswer>)(...args),
      containers: (call, args) =>
        (containers[call] as (...args: readonly unknown[]) => Promise<ContainersAnswer>)(...args),
      metrics,
      renewed: async (grant) => (await this.granted.get(grant)?.renew()) ?? false,
    };
  }

  /** Answers a question. */
  answer({ question, args }: Asked): Promise<unknown> {
    const answer = this.questions[question] as (...args: unknown[]) => Promise<unknown>;
    return answer(...args);
  }

  private async grant<Refusal extends { readonly ok: false }>(
    result: { readonly ok: true; readonly file: OpenFile } | Refusal,
  ): Promise<Granted | Refusal> {
    if (!result.ok) return result;
    const { file } = result;
    this.last += 1;
    const grant = this.last;
    this.granted.set(grant, file);
    const opened = file.segments ? filesOf(file.segments) : [file];
    const files = await Promise.all(
      opened.map(async ({ fd, stamp }) => ({ path: await readlink(`/proc/self/fd/${fd}`), stamp })),
    );
    const segments = file.segments && mapFiles(file.segments, (each) => opened.indexOf(each)).map(segmentToJson);
    if (this.ended) await this.release(grant);
    const arriving = file.arrived && file.size;
    return { ok: true, grant, digest: file.digest, files, segments, arriving };
  }

  /** Closes a file that the worker has returned. */
  async release(grant: number): Promise<void> {
    const file = this.granted.get(grant);
    this.granted.delete(grant);
    await file?.close();
  }

  /** Closes all files: the worker has ended. */
  async end(): Promise<void> {
    this.ended = true;
    await Promise.all([...this.granted.keys()].map((grant) => this.release(grant)));
  }
}
