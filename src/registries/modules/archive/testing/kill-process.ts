/** Makes archives in the folder of its argument until somebody kills it, or all are made; a line on stdout for each step. */
import { writeSync } from 'node:fs'
import { setImmediate as breathe } from 'node:timers/promises'
import { systemClock } from '../../../../kernel/clock.ts'
import { createArchives } from '../archives.ts'
import { killImages } from './kill-images.ts'

const [folder = '', count = '0'] = process.argv.slice(2)
const archives = createArchives({ folder, clock: systemClock })
const { signal } = new AbortController()
const images = await killImages(Number(count))
let pieces = 0
await Promise.all(
  images.map(async ({ layers, blob }, index) => {
    const slow = async function* slow(layer: (typeof layers)[number]) {
      for await (const piece of blob(layer)) {
        await breathe()
        if (++pieces % 10 === 0) writeSync(1, 'on\n')
        yield piece
      }
    }
    const { digest } = await archives.make({ layers, blob: slow, compat: false }, signal)
    // Not buffered: a kill cannot take back what was said.
    writeSync(1, `made ${index} ${digest}\n`)
  }),
)
