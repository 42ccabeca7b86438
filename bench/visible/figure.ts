/**
 * Edit to visible: from a committed edit on one side to the value readable on the other, at 100 edits per second, half
 * in each direction, through change data capture and webhooks; beside it the same hops without logic.
 */
import { isolate } from '../../deploy/local/isolate.ts';
import type { StackUrls } from '../../deploy/local/stack.ts';
import { startChild } from '../child.ts';
import type { FigureOptions } from '../figure.ts';
import type { Pair, Sides } from '../service.ts';
import { openSides, seedPairs, serviceEnv, startService, untilLinked } from '../service.ts';
import { quantile, rounded } from '../statistics.ts';
import type { Lags } from './edits.ts';
import { measureEdits } from './edits.ts';

interface Percentiles {
  readonly p50: number;
  readonly p99: number;
}
export interface VisibleFigure {
  readonly to_external: Percentiles;
  readonly to_bevatel: Percentiles;
  /** Both directions together. */
  readonly probe: Percentiles;
}

const PAIRS = 2_000;
const PER_SECOND = 100;
const PROBE_SECONDS = 20;

export async function benchVisible({ urls, say, seconds = 60 }: FigureOptions): Promise<VisibleFigure> {
  const sides = await openSides(urls, 'visible');
  try {
    const pairs = await seedPairs(sides, PAIRS);
    const service = await startService(urls, 'visible', sides);
    let product: Lags;
    try {
      await untilLinked(service, PAIRS);
      say(`${PAIRS} pairs are linked; ${PER_SECOND} edits/s for ${seconds} s`);
      product = await measureEdits({ sides, pairs, perSecond: PER_SECOND, seconds, label: 'edit' });
    } finally {
      await service.stop();
    }
    const probe = await measureProbe(urls, sides, pairs);
    say(`to HubSpot ${told(product.toExternal)}, to Bevatel ${told(product.toBevatel)}; probe: to HubSpot ${told(probe.toExternal)}, to Bevatel ${told(probe.toBevatel)}`);
    return { to_external: percentiles(product.toExternal), to_bevatel: percentiles(product.toBevatel), probe: percentiles([...probe.toExternal, ...probe.toBevatel]) };
  } finally {
    await sides.stop();
  }
}

async function measureProbe(urls: StackUrls, sides: Sides, pairs: readonly Pair[]): Promise<Lags> {
  const isolation = await isolate({ urls }, 'bench-visible-probe');
  try {
    const child = await startChild('bench/visible/probe.ts', [], serviceEnv(urls, isolation, sides));
    try {
      sides.hubspot.control.configureWebhooks({ targetUrl: `${String(child.said['url'])}/hooks/hubspot` });
      return await measureEdits({ sides, pairs, perSecond: PER_SECOND, seconds: PROBE_SECONDS, label: 'probe' });
    } finally {
      await child.stop();
    }
  } finally {
    await isolation.drop();
  }
}

function percentiles(lags: readonly number[]): Percentiles {
  return { p50: rounded(quantile(lags, 0.5), 1), p99: rounded(quantile(lags, 0.99), 1) };
}

function told(lags: readonly number[]): string {
  const { p50, p99 } = percentiles(lags);
  return `${lags.length} edits p50 ${p50} ms, p99 ${p99} ms`;
}
