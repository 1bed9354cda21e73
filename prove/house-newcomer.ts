import { newcomer } from '../tests/parts/newcomer.ts'
import type { Proofs } from './report.ts'

export const proofs: Proofs = {
  'house.newcomer': async (report) => {
    const { entries, keys, seenAfter, version } = await newcomer()
    report({ part: 'synced', ok: entries === 6 && keys === 24, figure: `${entries} capabilities, ${keys} keys` })
    report({
      part: 'edit-shown',
      ok: version === '9.9.9' && seenAfter < 1000,
      figure: `${Math.round(seenAfter)} ms`,
      note: 'from the write of the file to the end of a second process, regista history, that shows it; the promise is 1 s',
    })
  },
}
