/**
 * The dracut modules that root methods need, each with the files of an initrd by which it is known: those of
 * `dracut-modules/`, or of the modules of the same purpose that they descend from, which have the name in a file's name.
 */
const EVIDENCE: Readonly<Record<string, RegExp>> = {
  'bootc-live': /[^/]*bootc-live[^/]*$/,
  'bootc-live-erofs': /bin\/mkfs\.erofs$/,
  'bootc-live-kexec': /bin\/kexec$/,
  'bootc-live-zram': /bin\/mkfs\.ext4$/,
  'container-root': /[^/]*container-root[^/]*$/,
  'slipway-containers': /lib\/slipway\/methods\/containers\.sh$/,
  'slipway-image': /lib\/slipway\/methods\/image\.sh$/,
  'slipway-live': /lib\/slipway\/methods\/live\.sh$|bin\/livenetroot$/,
  'slipway-nbd': /lib\/slipway\/methods\/slipway-nbd\.sh$/,
};

/** A file that each initrd with the project's modules has, `lib` being a link to `usr/lib` or not. */
const OWN = /lib\/slipway\/slipway-lib\.sh$/;

/** Collects what an initrd can do by the names of its files, as many as there are. */
export class InitrdModules {
  private readonly found = new Set<string>();
  private ours = false;

  /** @param name of a file, from the root: `usr/lib/slipway/methods/image.sh` */
  add(name: string): void {
    this.ours ||= OWN.test(name);
    for (const [module, evidence] of Object.entries(EVIDENCE)) if (evidence.test(name)) this.found.add(module);
  }

  /** Whether it has the project's modules. */
  get own(): boolean {
    return this.ours;
  }

  /** The modules, as dracut names them, sorted. */
  get names(): readonly string[] {
    return [...this.found].sort();
  }
}
