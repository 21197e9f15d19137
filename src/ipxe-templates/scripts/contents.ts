import type { ConfiguredImage, ImageContents, ImageFile } from '../../model/fleet/next/configured.ts';
import { type Config, type Match, sampleMatches } from '../../model/settings/config.ts';
import type { Planned } from './plan.ts';

/** A machine that boots an image, or could: what a node gets counts before what any machine may be ordered to boot. */
export function sampleOf(config: Config, image: ConfiguredImage['name']): Match | undefined {
  const booted = sampleMatches(config).find(({ settings }) => settings.image?.value.name === image);
  if (booted) return booted;
  const settings = config.choose({}, image);
  const [any] = sampleMatches({ ...config, representatives: [], rules: [] });
  return settings && any && { ...any, settings };
}

/** What an image is made of, by the plan of a machine that boots it. */
export function contents({ plan, build, match }: Extract<Planned, { plan: unknown }>): ImageContents {
  const file = (role: ImageFile['role'], given: Partial<NonNullable<typeof plan.kernel>>): readonly ImageFile[] => {
    const { name, sha256, bytes } = given;
    return name === undefined ? [] : [{ role, name, sha256: sha256 ?? undefined, bytes: bytes ?? undefined }];
  };
  return {
    method: match.settings.image?.value.root.method ?? plan.root.method,
    version: plan.root.sha256 ?? undefined,
    build: build?.id,
    files: [
      ...(plan.kernel ? file('kernel', plan.kernel) : []),
      ...plan.initrds.flatMap((initrd) => file('initrd', initrd)),
      ...file('root', plan.root),
    ],
  };
}
