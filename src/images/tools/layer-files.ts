import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { constants, gunzipSync } from 'node:zlib';
import { type RandomAccessFile, readBytes, readHandle } from '../../model/files/random-access.ts';
import { type Compression, detectCompression } from './compression.ts';
import type { Tools } from './tool-run.ts';

/**
 * Opens a file for reading.
 * @throws the operating system's error
 */
export async function openPlain(path: string): Promise<RandomAccessFile> {
  const handle = await open(path, 'r');
  const { size } = await handle.stat();
  return {
    size,
    read: (buffer, position) => readHandle(handle, buffer, position),
    close: () => handle.close(),
  };
}

/**
 * Reads a part of a file: as many bytes as asked for, or fewer at its end.
 * @throws the operating system's error
 */
export async function readPart(path: string, position: number, length: number): Promise<Buffer> {
  const file = await openPlain(path);
  try {
    return await readBytes(file, position, length);
  } finally {
    await file.close();
  }
}

/** The compression of a file. */
export async function compressionOf(path: string): Promise<Compression> {
  return detectCompression(await readPart(path, 0, 8));
}

/**
 * The compression below a layer's gzip, as a rule none: skopeo takes a compression that it does not know for none, and
 * puts gzip around it.
 */
export async function innerCompressionOf(path: string): Promise<Compression> {
  const start = await readPart(path, 0, 1024);
  if (detectCompression(start) !== 'gzip') return 'none';
  try {
    return detectCompression(gunzipSync(start, { finishFlush: constants.Z_SYNC_FLUSH }));
  } catch (error) {
    // Damage is reported where the layer is unpacked.
    if ((error as NodeJS.ErrnoException).code?.startsWith('Z_')) return 'none';
    throw error;
  }
}

/** Decompresses a file into an open one. */
async function decompress(
  tools: Tools,
  from: string,
  to: FileHandle,
  how: Compression,
  progress: (bytes: number) => void,
): Promise<void> {
  const counted = async function* () {
    for await (const chunk of createReadStream(from, { highWaterMark: 1024 * 1024 })) {
      yield chunk as Buffer;
      progress((chunk as Buffer).length);
    }
  };
  await tools.run(how, ['-d', '-c', '-q'], { input: counted(), output: to.fd, sees: {} });
}

/**
 * Opens a layer, uncompressed. A compressed one can only be read from front to back, so it is decompressed to disk
 * first.
 * @param spool the path of the decompressed file
 * @param progress called with the number of bytes of each piece that is done
 * @throws ToolFailed for a damaged file; the operating system's error
 */
export async function openLayer(
  tools: Tools,
  path: string,
  spool: string,
  progress: (bytes: number) => void,
): Promise<RandomAccessFile> {
  const how = await compressionOf(path);
  if (how === 'none') {
    const plain = await openPlain(path);
    progress(plain.size);
    return plain;
  }
  const target = await open(spool, 'wx');
  try {
    await decompress(tools, path, target, how, progress);
  } finally {
    await target.close();
  }
  return openPlain(spool);
}

/** The SHA-256 of a file in 64 hex digits, and its length. */
export async function hashFile(path: string): Promise<{ digest: string; size: number }> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) {
    hash.update(chunk as Buffer);
    size += (chunk as Buffer).length;
  }
  return { digest: hash.digest('hex'), size };
}
