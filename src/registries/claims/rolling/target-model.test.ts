import { test } from 'node:test'
import { anyHistory } from '../testing/file-histories.ts'

for (const requests of [true, false]) {
  test(`any history, ${requests ? 'with requests' : 'with branches alone'}`, async () => {
    await anyHistory({ requests, runs: 15 })
  })
}
