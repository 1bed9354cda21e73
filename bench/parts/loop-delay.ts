/** Preloaded into a server (`--import`): writes what its event loop was delayed to LOOP_DELAY_FILE when asked by SIGUSR2. */
import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { isMainThread } from 'node:worker_threads'

const file = process.env['LOOP_DELAY_FILE']
if (isMainThread && file !== undefined) {
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  process.on('SIGUSR2', () => {
    // What the timer itself is late by, 1 ms, is in it.
    const ms = (share: number) => delay.percentile(share) / 1e6
    writeFileSync(file, JSON.stringify({ p50: ms(50), p99: ms(99), p999: ms(99.9), max: delay.max / 1e6 }))
    delay.reset()
  })
}
