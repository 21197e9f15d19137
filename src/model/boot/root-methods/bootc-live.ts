import { ROOT_FILES } from '../root-kind.ts';
import { imageSource, oneOf, text, textual } from '../yaml-shapes.ts';
import type { Key, RootYaml } from './root-method.ts';
import { ARCHIVE_KINDS, COMPOSED_ARCHIVE, flag, inTmpfs, optional, rootMethod, size, sizeArg } from './root-method.ts';

const LABEL = /^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,254}$/;
const label = textual('the label of an image in the archive, such as latest', (t) => LABEL.test(t));
const mountOptions = text(/^[\w=.:/%+-]+(?:,[\w=.:/%+-]+)*$/, 'mount options such as noatime,nodev');
const zram = textual('a size such as 3G or 800M', (t) => /^[1-9]\d{0,18}[KMGT]?$/i.test(t));
const delivery: Key<'http' | 'initrd'> = optional(
  oneOf(['http', 'initrd']),
  'Whether the initrd fetches the archive, or iPXE loads it as a further initrd.',
  'http',
);

const fromRegistry = ({ source }: RootYaml) => typeof source === 'string' && source.startsWith('docker://');

/** What a tree takes on zram or as an EROFS image: with zram, 256 MB of memory do for Debian's 215 MB. */
const COMPRESSED = 1 / 3;

/** `dracut-modules/90bootc-live`, and for some keys the modules whose names begin like this. */
export const bootcLive = rootMethod({
  name: 'bootc-live',
  summary: [
    'OCI archive, or an image in a registry',
    'layers unpacked while they arrive',
    'read-only; `/etc` and `/var` writable',
    'container tools build your images, or you come from bootc-live',
  ],
  source: imageSource,
  keys: {
    label: optional(label, 'Which image of the archive to run.', 'latest' as string),
    unsecure: flag('Whether a registry is asked by plain HTTP.', false),
    delivery,
    rw: flag('Whether the whole root is writable.', false),
    etc_rw: flag('Whether /etc is writable in a read-only root.', true),
    var_rw: flag('Whether /var is writable in a read-only root.', true),
    root_flags: optional<string | null>(mountOptions, 'Further mount options of the root.', null),
    size: size(),
    zram: optional<string | null>(zram, 'Keeps the root in compressed memory: a file system of this size.', null),
    erofs: flag('Whether the node packs the root into an EROFS image.', false),
    kexec: flag("Whether the image's own kernel and initramfs take over.", false),
    reuse_image: flag('Whether a kernel that takes over is given the archive along.', true),
    quiet: flag('Whether the console shows failures only.', false),
  },
  form: 'archive',
  buildFiles: [ROOT_FILES.oci, COMPOSED_ARCHIVE],
  reads: { expected: 'an OCI archive', kinds: ARCHIVE_KINDS },
  contradictions: [
    {
      key: 'unsecure',
      found: (root) => root.unsecure === true && !fromRegistry(root),
      message: 'is for registries: expected "source:" with docker://HOST/NAME:TAG',
    },
    {
      key: 'delivery',
      found: (root) => root.delivery === 'initrd' && fromRegistry(root),
      message: 'cannot be initrd for an image in a registry: iPXE loads files only',
    },
    {
      key: 'rw',
      found: (root) => root.rw === true && root.erofs === true,
      message: 'cannot be true with "erofs: true": EROFS is read-only',
    },
  ],
  modules: (root) => [
    'bootc-live',
    root.zram !== null && 'bootc-live-zram',
    root.erofs && 'bootc-live-erofs',
    root.kexec && 'bootc-live-kexec',
  ],
  memoryNeeded: ({ zram, erofs, kexec, reuse_image, delivery }, { bytes, unpacked }) => {
    const tree = zram === null ? inTmpfs(unpacked) : unpacked * COMPRESSED;
    // iPXE's copy goes when the kernel has taken the initrds over.
    const kept = delivery === 'initrd' || (kexec && reuse_image) ? bytes : 0;
    return tree + kept + (erofs ? unpacked * COMPRESSED : 0);
  },
  args: (root) => [
    // The template loads it as /root.oci then.
    root.delivery === 'initrd' ? 'initrd=root.oci root=bootc-live:/root.oci' : `root=bootc-live:${root.url}`,
    `bootclabel=${root.label}`,
    root.unsecure && 'bootc.registry.unsecure=1',
    root.rw && 'rw',
    !root.etc_rw && 'bootc.live.etc.rw=0',
    !root.var_rw && 'bootc.live.var.rw=0',
    root.root_flags !== null && `rootflags=${root.root_flags}`,
    sizeArg(root.size),
    root.zram !== null && `bootc.zram=${root.zram}`,
    root.erofs && 'bootc.live.erofs=1',
    root.kexec && 'bootc.kexec=1',
    root.kexec && !root.reuse_image && 'bootc.kexec.reuse-image=0',
    root.quiet && 'bootc.quiet=1',
  ],
});
