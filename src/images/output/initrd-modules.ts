import { createReadStream } from 'node:fs';
import { InitrdModules } from '../../model/boot/fit/initrd-modules.ts';
import { buffered, readBytes } from '../../model/files/random-access.ts';
import { detectCompression } from '../tools/compression.ts';
import { openPlain } from '../tools/layer-files.ts';
import { MissingTool, ToolFailed, type Tools } from '../tools/tool-run.ts';
import { scanCpio } from './cpio.ts';
import { CpioStream } from './cpio-stream.ts';

/** The longest time and the most unpacked bytes for one initrd: those with every driver have about 300 MB. */
const SECONDS = 60;
const MAX_BYTES = 2 * 1024 * 1024 * 1024;

/** The modules of an initrd. */
export interface FoundModules {
  readonly modules: InitrdModules;
  /** Whether all of it was read: else it may have more. */
  readonly whole: boolean;
}

/** Adds the names in what a program unpacks. @returns whether that was whole archives */
async function addPacked(
  modules: InitrdModules,
  tools: Tools,
  path: string,
  start: number,
  how: string,
): Promise<boolean> {
  const stream = new CpioStream((name) => modules.add(name));
  const enough = new AbortController();
  let bytes = 0;
  const onOutput = (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > MAX_BYTES) enough.abort();
    else stream.push(chunk);
  };
  const input = createReadStream(path, { start });
  try {
    await tools.run(how, ['-d', '-c', '-q'], { input, onOutput, sees: {}, seconds: SECONDS, signal: enough.signal });
    return stream.whole;
  } catch (error) {
    // Damage at its end is not for us to report.
    if (error instanceof ToolFailed || enough.signal.aborted) return false;
    throw error;
  } finally {
    input.destroy();
  }
}

/**
 * Reads which dracut modules an initrd has by the names of its files, in bounded time and memory. It may be several cpio
 * archives, of which the last, and those behind it, may be compressed.
 * @throws MissingTool; the operating system's error
 */
export async function readInitrdModules(tools: Tools, path: string): Promise<FoundModules> {
  const modules = new InitrdModules();
  const source = await openPlain(path);
  try {
    const { names, rest, whole } = await scanCpio(buffered(source));
    for (const name of names) modules.add(name);
    if (rest === undefined) return { modules, whole };
    const how = detectCompression(await readBytes(source, rest, 8));
    return { modules, whole: how !== 'none' && (await addPacked(modules, tools, path, rest, how)) };
  } finally {
    await source.close();
  }
}

/**
 * The names of the dracut modules that an initrd has for root methods.
 * @returns undefined where not all of it can be read, as the program that unpacks it is missing or it is damaged
 * @throws the operating system's error
 */
export async function initrdModulesOf(tools: Tools, path: string): Promise<readonly string[] | undefined> {
  try {
    const { modules, whole } = await readInitrdModules(tools, path);
    return whole ? modules.names : undefined;
  } catch (error) {
    if (error instanceof MissingTool) return undefined;
    throw error;
  }
}
