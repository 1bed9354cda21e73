import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Journal } from '../../../engine/journal.ts'
import { AppError } from '../../../kernel/errors.ts'
import { createPreservation } from '../liveness/preservation.ts'
import { jobRuns } from '../tables.ts'
import { markInactiveJob } from './mark-inactive.ts'
import { createRunner } from './runner.ts'
import { minute, openHouse, second, type House } from './testing/house.ts'

const config = {
  preservation: { share: 1 },
  inactive_after: { poller: '2m' },
  jobs: { mark_inactive: { every: '1m' } },
}
const count = 4_500
const commitsUntilKilled = [0, 1, 2, 3, 4, 5]

const runnerOf = (house: House, holder: string) => {
  const jobs = [markInactiveJob({ ...house, preservation: createPreservation(house) })]
  const parts = { ...house, jobs, holder, random: () => 0.5, ready: () => Promise.resolve() }
  return createRunner(parts)
}

for (const left of commitsUntilKilled) {
  test(`a run whose process is killed after ${left} commits is ended by another, and nothing is told twice`, async () => {
    const first = await openHouse({ config })
    const { clock } = first
    const names = [...Array(count).keys()].map((n) => `poller/p${n}`)
    await first.register(...names)
    await first.hear(...names)
    first.liveness.start()

    // Two replicas on one ledger; one of them dies in the middle of its commits.
    let commits = Number.POSITIVE_INFINITY
    const alive = () => {
      if (commits <= 0) throw new AppError('journal.closed', 'killed')
    }
    const journal: Journal = { ...first.journal, shared: true }
    const mortal: Journal = {
      ...journal,
      async commit(...asked) {
        alive()
        commits -= 1
        return await journal.commit(...asked)
      },
      async lease(...asked) {
        alive()
        return await journal.lease(...asked)
      },
    }
    const dying = await openHouse({ clock, journal: mortal, config, writer: 'dying' })
    const going = await openHouse({ clock, journal, config, writer: 'going' })
    dying.liveness.start()
    going.liveness.start()
    const [a, b] = [runnerOf(dying, 'dying'), runnerOf(going, 'going')]
    a.start()
    await clock.advance(second)
    b.start()
    // Silent by now; the run in which they are noticed is the next one.
    await clock.advance(110 * second)
    commits = left
    await clock.advance(3 * minute)

    assert.equal(commits, 0, 'it was killed')
    const told = await going.told('deactivated')
    assert.equal(new Set(told.map(({ key }) => key)).size, count)
    assert.equal(told.length, count)
    const row = await journal.get(jobRuns, { job: 'mark-inactive' })
    assert.deepEqual([row?.error, row!.endedAt! >= row!.startedAt!], [null, true])
    assert.ok(clock.now() - row!.endedAt! < 2 * minute)
    await Promise.all([a.stop(), b.stop()])
    await Promise.all([first, dying, going].map((house) => house.liveness.stop()))
    assert.equal((await journal.verify()).ok, true)
  })
}
