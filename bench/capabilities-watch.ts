/** What gitops-sync-registry takes of a machine while it watches: processor time and memory. */
import { cpuOf, percentile, prepareGround, residentOf, sleep, type Ground } from './parts/drop-in.ts'
import type { Benches, Report } from './report.ts'

export const benches: Benches = {
  'capabilities.cpu-watch': async (report, { long }) => {
    for (const [figure, count] of [
      [undefined, 'real'],
      ['10k', long ? 10_000 : 1000],
    ] as const) {
      await using ground = await prepareGround(count)
      const { pass, idle } = await processorTime(ground, long)
      const note = `${ground.files} manifests at a 60 s interval: ${(pass * 1000).toFixed(1)} ms a pass, measured at an interval of 1 s, and ${(idle * 100).toFixed(2)} % between passes`
      report({ ...(figure && { figure }), value: (pass / 60 + idle) * 100, unit: '%', limit: { atMost: 5 }, note })
    }
  },
  'capabilities.rss-48': (report, { long }) => memory('real', 100, long, report),
  'capabilities.rss-10k': (report, { long }) => memory(long ? 10_000 : 1000, 250, long, report),
}

/** Seconds of a processor for one pass without changes, and for each second in which nothing happens. */
async function processorTime({ sync }: Ground, long: boolean): Promise<{ pass: number; idle: number }> {
  const seconds = long ? 30 : 8
  async function used(interval: string): Promise<{ cpu: number; passes: number }> {
    await using running = sync.start('--watch', '--interval', interval)
    await running.said(/Sync complete: (?:\d+) synced, \d+ skipped, 0 errors/)
    // What the first pass leaves behind to be tidied up is not a pass.
    await sleep(3000)
    const cycles = () => running.stderr().split('Sync cycle complete').length
    const before = { cpu: cpuOf(running.child.pid!), cycles: cycles() }
    await sleep(seconds * 1000)
    return { cpu: cpuOf(running.child.pid!) - before.cpu, passes: cycles() - before.cycles }
  }
  const idle = (await used('3600')).cpu / seconds
  const { cpu, passes } = await used('1')
  if (passes < seconds / 2) throw new Error(`only ${passes} passes in ${seconds} s`)
  return { pass: Math.max(0, cpu - idle * seconds) / passes, idle }
}

/** The process that does the work: with a Node 24 that is the command itself, no launcher stands before it. */
async function memory(count: number | 'real', limit: number, long: boolean, report: Report): Promise<void> {
  await using ground = await prepareGround(count)
  await using running = ground.sync.start('--watch', '--interval', '2')
  await running.said(/Sync complete: \d+ synced, \d+ skipped, 0 errors/)
  const samples: number[] = []
  for (let at = 0; at < (long ? 20 : 6); at++) {
    await sleep(1000)
    samples.push(residentOf(running.child.pid!).now)
  }
  const { highest } = residentOf(running.child.pid!)
  const note = `${ground.files} manifests, watch mode, from the first sync on, interval 2 s, median of ${samples.length} s`
  report({ value: percentile(samples, 0.5), unit: 'MiB', limit: { atMost: limit }, note })
  report({ figure: 'highest', value: highest, unit: 'MiB', note: 'ever, the first sync included' })
}
