import type { ConfiguredImage } from '../../../src/model/fleet/next/configured.ts';
import type { RolloutStatus } from '../../../src/model/fleet/status.ts';
import { useApi, useLive } from '../live/hooks.ts';
import type { Machine } from '../model/fleet-state.ts';
import { fleetLink } from '../model/routes.ts';
import { bytesText, count, shortDigest } from '../model/text.ts';
import { Badge, Empty, Trouble } from '../parts/basics.tsx';

/** How often images are asked for, milliseconds. */
const ASK_EVERY = 10_000;

/** Images: what they are made of, who runs which version, and roll-outs. */
export function ImagesPage() {
  const { fleet, rollouts } = useLive();
  const { value, error } = useApi<{ images: readonly ConfiguredImage[] }>('/images', ASK_EVERY);
  const machines = fleet.all();
  return (
    <>
      <h1 tabIndex={-1}>Images</h1>
      <Trouble error={error} />
      {value?.images.length === 0 && <Empty>The configuration has no images.</Empty>}
      <div class="images">
        {value?.images.map((image) => (
          <Image
            key={image.name}
            image={image}
            rollout={rollouts.find((each) => each.image === image.name)}
            machines={machines.filter(({ boot }) => boot?.image === image.name)}
          />
        ))}
      </div>
    </>
  );
}

interface ImageProps {
  readonly image: ConfiguredImage;
  readonly rollout: RolloutStatus | undefined;
  /** Those whose last boot is of this image. */
  readonly machines: readonly Machine[];
}

function Image({ image, rollout, machines }: ImageProps) {
  const size = 'files' in image ? image.files.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0) : 0;
  return (
    <article class="card image" aria-label={image.name}>
      <div class="card-head">
        <h2>{image.name}</h2>
        {'files' in image && (
          <span class="tally">{[image.method, size > 0 && bytesText(size)].filter(Boolean).join(' · ')}</span>
        )}
        <a href={fleetLink(`image:${image.name}`)}>{count(image.nodes, 'node')}</a>
      </div>
      {'why' in image && image.why !== undefined && (
        <p class="trouble">
          <Badge phase="failed">Machines cannot boot it</Badge> {image.why}
        </p>
      )}
      {rollout && (
        <Rollout rollout={rollout} newest={'version' in image ? image.version : undefined} machines={machines} />
      )}
      {'files' in image && <Files image={image} />}
      <Versions newest={'version' in image ? image.version : undefined} machines={machines} />
    </article>
  );
}

function Files({ image }: { readonly image: Extract<ConfiguredImage, { files: unknown }> }) {
  return (
    <table class="plain-table">
      <caption>Files{image.build !== undefined && ` of build ${shortDigest(image.build)}`}</caption>
      <tbody>
        {image.files.map(({ role, name, sha256, bytes }) => (
          <tr key={`${role} ${name}`}>
            <th scope="row">{role}</th>
            <td class="value">{name}</td>
            <td class="number">{bytes === undefined ? '' : bytesText(bytes)}</td>
            <td>
              <code title={sha256}>{sha256 === undefined ? 'other server' : shortDigest(sha256)}</code>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Which versions machines run, the newest first. */
function Versions({
  newest,
  machines,
}: {
  readonly newest: string | undefined;
  readonly machines: readonly Machine[];
}) {
  const versions = new Map<string, Machine[]>();
  for (const machine of machines) {
    const version = machine.boot?.version ?? '';
    versions.set(version, [...(versions.get(version) ?? []), machine]);
  }
  if (versions.size === 0) return <p class="remedy">No machine has booted it yet.</p>;
  const rows = [...versions].sort(([a], [b]) => Number(b === newest) - Number(a === newest));
  return (
    <table class="plain-table">
      <caption>Who runs what</caption>
      <tbody>
        {rows.map(([version, those]) => {
          const up = those.filter(({ boot }) => boot?.outcome === 'up').length;
          return (
            <tr key={version}>
              <th scope="row">
                <code title={version}>{version === '' ? 'not known' : shortDigest(version)}</code>
              </th>
              <td>{version === newest ? 'newest' : newest === undefined ? '' : 'older'}</td>
              <td>
                <a href={fleetLink(version === '' ? '' : `version:${version}`)}>{count(those.length, 'machine')}</a>
              </td>
              <td>{up} up</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

const GOES_TO: Readonly<Record<RolloutStatus['phase'], string>> = {
  canary: 'to the first machines',
  part: 'to a part of the machines',
  all: 'to all machines',
  stopped: 'stopped',
};

function Rollout(props: {
  readonly rollout: RolloutStatus;
  readonly newest: string | undefined;
  readonly machines: readonly Machine[];
}) {
  const { version, before, phase, why } = props.rollout;
  const got = props.machines.filter(({ boot }) => boot?.version === props.newest && boot?.outcome === 'up').length;
  const isUnderWay = phase === 'canary' || phase === 'part';
  return (
    <div class="rollout">
      <p>
        <Badge phase={phase === 'stopped' ? 'failed' : isUnderWay ? 'initrd' : 'up'}>Roll-out {GOES_TO[phase]}</Badge>{' '}
        <code>{version}</code>
        {before !== undefined && (
          <>
            {' '}
            after <code>{before}</code>
          </>
        )}
      </p>
      {why !== undefined && <p class="why">{why}</p>}
      {isUnderWay && (
        <label>
          {got} of {props.machines.length} are up with it
          <progress value={got} max={Math.max(1, props.machines.length)} />
        </label>
      )}
    </div>
  );
}
