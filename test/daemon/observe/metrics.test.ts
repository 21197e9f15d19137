import { describe, expect, it } from 'vitest';
import { createMetrics } from '../../../src/daemon/observe/metrics.ts';
import { DHCP_REASONS, METRICS, type MetricDefinition } from '../../../src/daemon/observe/metrics-table.ts';
import { sample, samplesOf, samplesOfNews } from '../../../src/daemon/observe/samples.ts';
import type { SilenceReason } from '../../../src/dhcp/silence.ts';
import type { BootEvent } from '../../../src/model/event.ts';
import { aBoot } from '../../model/fleet/machines.ts';

const names = { has: (_: string, name: string) => name === 'debian' || name === 'n001' };
const NOW = 1_700_000_000_000;

/** The series of events that are not 0, but those of the process and of the log: `NAME{LABELS} VALUE`. */
async function seriesOf(...events: readonly Partial<BootEvent>[]): Promise<readonly string[]> {
  const metrics = createMetrics(names);
  for (const event of events) metrics.add(samplesOf({ level: 'info', message: '', event: '', ...event }, NOW));
  return shown(await metrics.text([]));
}

const shown = (text: string) =>
  text
    .split('\n')
    .filter((line) => /^slipway_(?!log_)/.test(line) && !line.endsWith(' 0') && !line.includes('_bucket'));

describe('events count', () => {
  it.each<[Partial<BootEvent>, readonly string[]]>([
    [{ event: 'dhcp.offer', client: 'pxe' }, ['slipway_dhcp_answered_total{reply="offer",client="pxe"} 1']],
    [{ event: 'dhcp.ack', client: 'http' }, ['slipway_dhcp_answered_total{reply="ack",client="http"} 1']],
    [{ event: 'dhcp.silent', reason: 'vendor-class' }, ['slipway_dhcp_ignored_total{reason="vendor-class"} 1']],
    [
      { event: 'tftp.done', bytes: 1000, retransmits: 3 },
      [
        'slipway_tftp_transfers_total{result="done"} 1',
        'slipway_tftp_retransmitted_blocks_total 3',
        'slipway_sent_bytes_total{service="tftp"} 1000',
      ],
    ],
    [{ event: 'tftp.missing' }, ['slipway_tftp_transfers_total{result="missing"} 1']],
    [{ event: 'http.script', status: 200, kind: 'menu' }, ['slipway_scripts_total{result="menu"} 1']],
    [{ event: 'http.script', status: 400 }, ['slipway_scripts_total{result="malformed"} 1']],
    [
      { event: 'http.download', method: 'GET', status: 200, bytes: 7, complete: true, path: '/artifacts/k' },
      ['slipway_http_downloads_total{result="complete"} 1', 'slipway_sent_bytes_total{service="http"} 7'],
    ],
    [
      { event: 'http.download', method: 'GET', status: 206, bytes: 7, complete: false, path: '/v2/a/blobs/x' },
      ['slipway_http_downloads_total{result="broken"} 1', 'slipway_sent_bytes_total{service="registry"} 7'],
    ],
    [
      { event: 'http.download', method: 'GET', status: 304, bytes: 0, path: '/artifacts/k' },
      ['slipway_http_downloads_total{result="not-modified"} 1'],
    ],
    [
      { event: 'http.download', method: 'HEAD', status: 200, bytes: 0, path: '/artifacts/k' },
      ['slipway_http_downloads_total{result="no-body"} 1'],
    ],
    [{ event: 'http.refused', status: 404 }, ['slipway_http_refused_total{status="404"} 1']],
    [{ event: 'nbd.sent', bytes: 4096 }, ['slipway_sent_bytes_total{service="nbd"} 4096']],
    [
      { event: 'registry.asked', kind: 'blob', result: 'hit' },
      ['slipway_cache_requests_total{kind="blob",result="hit"} 1'],
    ],
    [{ event: 'http.worker' }, ['slipway_http_worker_deaths_total 1']],
    [
      { event: 'ready' },
      [
        'slipway_config_last_reload_successful 1',
        'slipway_config_last_reload_success_timestamp_seconds 1700000000',
        'slipway_state_available 1',
      ],
    ],
    [{ event: 'config.refused' }, ['slipway_config_reloads_total{result="refused"} 1']],
    [{ event: 'anything.else' }, []],
  ])('%j', async (event, expected) => {
    expect(await seriesOf(event)).toEqual(expected);
  });

  it('at which state and configuration stand', async () => {
    const away = await seriesOf({ event: 'ready' }, { event: 'state.away' }, { event: 'config.refused' });
    expect(away.join('\n')).not.toMatch(/state_available|last_reload_successful/);
    const back = await seriesOf({ event: 'state.away' }, { event: 'state.back' }, { event: 'config.loaded' });
    expect(back).toContain('slipway_state_available 1');
    expect(back).toContain('slipway_config_last_reload_successful 1');
  });

  it('what became of boots, and how long each stage took', async () => {
    const metrics = createMetrics(names);
    const steps = [{ stage: 'dhcp' }, { stage: 'script' }, { stage: 'up', at: 30_000 }] as const;
    const boot = aBoot(steps, { outcome: 'up' });
    metrics.add([{ kind: 'began', boot } as const, { kind: 'up', boot } as const].flatMap(samplesOfNews));
    metrics.add(samplesOfNews({ kind: 'failed', boot: aBoot([{}], { image: undefined }) }));
    const text = await metrics.text([]);
    expect(shown(text)).toEqual(
      expect.arrayContaining([
        'slipway_boots_begun_total 1',
        'slipway_boots_total{image="debian",result="up"} 1',
        'slipway_boots_total{image="none",result="failed"} 1',
        'slipway_boot_seconds_sum{image="debian"} 30',
        'slipway_boot_seconds_count{image="debian"} 1',
        'slipway_stage_seconds_sum{stage="script"} 1',
        'slipway_stage_seconds_sum{stage="up"} 29',
      ]),
    );
    expect(text).toContain('slipway_stage_seconds_bucket{le="30",stage="up"} 1');
    expect(text).toContain('slipway_stage_seconds_bucket{le="20",stage="up"} 0');
  });
});

describe('labels', () => {
  it('have no values but known ones, whatever comes from the network', async () => {
    const metrics = createMetrics(names);
    for (let n = 0; n < 1000; n++) {
      const made = `made-up-${n}`;
      for (const [metric, { labels }] of Object.entries(METRICS) as [keyof typeof METRICS, MetricDefinition][]) {
        const own = Object.entries(labels).filter(([, values]) => values !== 'version');
        if (own.length === Object.keys(labels).length)
          metrics.add([sample(metric, Object.fromEntries(own.map(([label]) => [label, made])))]);
      }
    }
    const text = await metrics.text([]);
    expect(text).not.toContain('made-up');
    expect(text).toContain('slipway_boots_total{image="other",result="other"} 1000');
    expect(text.split('\n').length).toBeLessThan(1500);
  });

  it('a version is one of this server, and nothing that a line could hold', async () => {
    const metrics = createMetrics(names);
    metrics.add([sample('slipway_build_info', { version: '1.0"} 1\nx' })]);
    expect(await metrics.text([])).toContain('slipway_build_info{version="other"} 1');
  });

  it('know all reasons of DHCP', () => {
    const all: Readonly<Record<SilenceReason, 1>> = {
      ...{ 'too-short': 1, 'no-cookie': 1, malformed: 1, 'not-a-request': 1, hardware: 1, address: 1 },
      ...{ 'message-type': 1, 'vendor-class': 1, architecture: 1, 'other-server': 1, bis: 1, 'too-often': 1 },
      ...{ ignored: 1, 'tftp-off': 1, 'http-off': 1, 'no-boot-file': 1, 'too-long': 1 },
    };
    expect([...DHCP_REASONS].sort()).toEqual(Object.keys(all).sort());
  });
});

it('what is taken when it is read is what there is then', async () => {
  const metrics = createMetrics(names);
  const machines = (outcome: string, count: number) => sample('slipway_machines', { outcome }, count);
  expect(shown(await metrics.text([machines('up', 2), machines('failed', 1)]))).toEqual([
    'slipway_machines{outcome="up"} 2',
    'slipway_machines{outcome="failed"} 1',
  ]);
  expect(shown(await metrics.text([machines('up', 3)]))).toEqual(['slipway_machines{outcome="up"} 3']);
});
