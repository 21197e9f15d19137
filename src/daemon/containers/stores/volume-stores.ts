import { readListing } from '../../../model/containers/object-listing.ts';
import {
  asFolder,
  isStoredPath,
  metadataHeaders,
  type PresignedChanges,
  type StoredFile,
  type StoreSettings,
  type WantedChanges,
} from '../../../model/containers/stored-files.ts';
import { askStore, nameOf, StoreError } from './ask-store.ts';
import { signerFor } from './sign.ts';

/** The most objects of a volume, and the most pages that they may come in. */
const MAX_OBJECTS = 100_000;
const MAX_PAGES = 200;
const PAGE = 1000;

/** Volumes in S3-compatible stores. Machines get URLs, and never the credentials. */
export interface VolumeStores {
  /**
   * The files below a prefix, each with a URL that gives it. Objects whose keys cannot be paths are left out.
   * @throws StoreError
   */
  list(store: StoreSettings, prefix: string): Promise<readonly StoredFile[]>;
  /** URLs that bring and remove files below a prefix, but for keys that no object can have. The store is not asked. */
  presign(store: StoreSettings, prefix: string, wanted: WantedChanges): Promise<PresignedChanges>;
}

/** @param now milliseconds since 1970 */
export function createVolumeStores(now: () => number): VolumeStores {
  return {
    async list(store, prefix) {
      const folder = asFolder(prefix);
      const objects = await listObjects(store, folder, now);
      const sign = signerFor(store, now());
      const files: StoredFile[] = [];
      for (const { key, size, modified, etag } of objects) {
        const path = key.slice(folder.length);
        // An object whose name ends with a slash stands for a directory.
        if (!key.startsWith(folder) || !isStoredPath(key) || !isStoredPath(path)) continue;
        files.push({ path, size, modified, etag, url: await sign({ method: 'GET', key }) });
      }
      return files;
    },

    async presign(store, prefix, wanted) {
      const folder = asFolder(prefix);
      const sign = signerFor(store, now());
      const fits = ({ path }: { readonly path: string }) => isStoredPath(folder + path);
      const put = wanted.put.filter(fits).map(async (file) => {
        const headers = metadataHeaders(file);
        return { path: file.path, url: await sign({ method: 'PUT', key: folder + file.path, headers }), headers };
      });
      const paths = wanted.delete.map((path) => ({ path })).filter(fits);
      const removed = paths.map(async ({ path }) => ({
        path,
        url: await sign({ method: 'DELETE', key: folder + path }),
      }));
      return { put: await Promise.all(put), delete: await Promise.all(removed) };
    },
  };
}

type Listing = ReturnType<typeof readListing>;

/** All objects whose keys begin with a prefix. @throws StoreError */
async function listObjects(store: StoreSettings, prefix: string, now: () => number): Promise<Listing['objects']> {
  const found: Listing['objects'][number][] = [];
  let next: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const query = {
      'list-type': '2',
      'encoding-type': 'url',
      'max-keys': String(PAGE),
      prefix,
      ...(next === undefined ? {} : { 'continuation-token': next }),
    };
    const text = await askStore(store, await signerFor(store, now())({ method: 'GET', key: '', query }));
    const listing = readPage(store, text);
    found.push(...listing.objects);
    if (found.length > MAX_OBJECTS) break;
    if (listing.next === undefined) return found;
    next = listing.next;
  }
  const most = `a volume may have ${MAX_OBJECTS}. Choose a longer prefix`;
  throw new StoreError('too-many', `${nameOf(store)}, has too many objects below "${prefix}": ${most}`);
}

function readPage(store: StoreSettings, text: string): Listing {
  try {
    return readListing(text);
  } catch (cause) {
    throw new StoreError(
      'answer',
      `${nameOf(store)}, gave no list of objects: is url that of an S3-compatible store?`,
      {
        cause,
      },
    );
  }
}
