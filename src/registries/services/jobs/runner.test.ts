import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createMemoryJournal } from '../../../database/memory/journal.ts'
import { createFakeClock } from '../../../engine/testing/fake-clock.ts'
import type { Journal } from '../../../engine/journal.ts'
import type { Clock } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { silentLogger as logger } from '../../../kernel/logger.ts'
import type { Table } from '../../../kernel/table.ts'
import { jobRuns } from '../tables.ts'
import type { Job, JobContext } from './job.ts'
import { createRunner } from './runner.ts'

const second = 1_000
const minute = 60 * second
const hour = 60 * minute
const tables = [jobRuns] as unknown as readonly Table[]

function ground() {
  const clock = createFakeClock()
  const memory = createMemoryJournal({ tables, clock, logger })
  const journal: Journal = { ...memory, shared: true }
  const ran: string[] = []
  const job = (name: string, interval: number, more: Partial<Job> = {}): Job => ({
    name,
    about: '',
    schedule: { interval, jitter: 0 },
    enabled: true,
    most: hour,
    run: ({ by }) => {
      ran.push(`${name} ${by}`)
      return Promise.resolve({ n: ran.length })
    },
    ...more,
  })
  const runner = (holder: string, jobs: readonly Job[], over: { clock?: Clock; journal?: Journal } = {}) => {
    const parts = { journal, clock, random: () => 0.5, logger, ready: () => Promise.resolve() }
    return createRunner({ ...parts, ...over, holder, jobs })
  }
  const row = (name: string) => journal.get(jobRuns, { job: name })
  return { clock, journal, ran, job, runner, row }
}

describe('jobs', () => {
  it('run when they are due, and keep when they ran and are due next', async () => {
    const { clock, ran, job, runner, row } = ground()
    const one = runner('a', [job('sweep', 5 * minute), job('never', minute, { enabled: false })])
    const from = clock.now()
    one.start()
    await clock.advance(16 * minute)
    assert.deepEqual(ran, Array(3).fill('sweep job:sweep'))
    const kept = await row('sweep')
    assert.deepEqual(
      [kept?.startedAt, kept?.endedAt, kept?.succeededAt, kept?.nextAt].map((at) => (at! - from) / minute),
      [15, 15, 15, 20],
    )
    assert.deepEqual([kept?.result, kept?.error, kept?.by], [{ n: 3 }, null, 'job:sweep'])
    assert.equal(await row('never').then((found) => found?.nextAt ?? null), null)
    assert.deepEqual([...one.succeeded().keys()], ['sweep'])
    await one.stop()
    assert.equal(clock.sleeping, 0)
  })

  it('make up for what was missed once, not for each time', async () => {
    const { clock, ran, job, runner, row } = ground()
    const jobs = [job('sweep', 5 * minute)]
    const before = runner('a', jobs)
    before.start()
    await clock.advance(minute)
    await before.stop()
    await clock.advance(24 * hour)
    const after = runner('b', jobs)
    after.start()
    await clock.advance(minute)
    assert.equal(ran.length, 1)
    assert.equal((await row('sweep'))!.nextAt! - (await row('sweep'))!.startedAt!, 5 * minute)
    await after.stop()
  })

  it('are due at once by a shorter schedule, and not sooner by a restart', async () => {
    const { clock, ran, job, runner } = ground()
    for (let start = 0; start < 3; start += 1) {
      const usual = runner(`a${start}`, [job('archive', 5 * hour)])
      usual.start()
      await clock.advance(2 * hour)
      await usual.stop()
    }
    assert.equal(ran.length, 1)
    const sooner = runner('b', [job('archive', 10 * minute)])
    sooner.start()
    await clock.advance(10 * minute + second)
    assert.equal(ran.length, 2)
    await sooner.stop()
  })

  it('run in one of two processes, and in the other once that is gone', async () => {
    const { clock, journal, ran, job, runner } = ground()
    const forks = [clock.fork(), clock.fork()]
    const dead = () => Promise.reject(new AppError('journal.closed', 'gone'))
    const alive = [true, true]
    const cut = (index: number): Journal => ({
      ...journal,
      commit: (...asked) => (alive[index] ? journal.commit(...asked) : dead()),
      lease: (...asked) => (alive[index] ? journal.lease(...asked) : dead()),
      select: (...asked) => (alive[index] ? journal.select(...asked) : dead()),
    })
    const runners = ['a', 'b'].map((holder, index) => {
      const named = job('sweep', minute, {
        run: () => {
          ran.push(holder)
          return Promise.resolve({})
        },
      })
      return runner(holder, [named], { clock: forks[index]!, journal: cut(index) })
    })
    for (const one of runners) one.start()
    await clock.advance(5 * minute + second)
    assert.deepEqual(ran, Array(5).fill(ran[0]))
    const holder = ran[0] === 'a' ? 0 : 1
    const killed = clock.now()
    alive[holder] = false
    forks[holder]!.stop()
    await clock.advance(5 * minute)
    assert.deepEqual(ran.slice(5), Array(5).fill(holder === 0 ? 'b' : 'a'))
    assert.ok(clock.now() - killed === 5 * minute)
    await runners[1 - holder]!.stop()
  })

  it('of a killed process are run again as a whole by the next, and what it still writes does not count', async () => {
    const { clock, journal, job, runner } = ground()
    const began: string[] = []
    const release = Promise.withResolvers<void>()
    const contexts: JobContext[] = []
    const slow = (holder: string) =>
      job('archive', minute, {
        async run(context) {
          began.push(holder)
          contexts.push(context)
          if (holder === 'a') await release.promise
          return { holder }
        },
      })
    const fork = clock.fork()
    const first = runner('a', [slow('a')], { clock: fork })
    first.start()
    await clock.advance(minute + second)
    assert.deepEqual(began, ['a'])
    fork.stop()
    const second_ = runner('b', [slow('b')])
    second_.start()
    await clock.advance(30 * second)
    assert.deepEqual(began, ['a', 'b'])
    assert.throws(() => contexts[0]!.fence(), { code: 'journal.fenced' })
    const kept = await journal.get(jobRuns, { job: 'archive' })
    release.resolve()
    await clock.settle()
    assert.deepEqual(await journal.get(jobRuns, { job: 'archive' }), kept)
    assert.deepEqual(kept?.result, { holder: 'b' })
    await second_.stop()
  })

  it('that a person asked for and that were killed are shown so, and run again where they are enabled', async () => {
    const { clock, ran, job, runner, row } = ground()
    const hang = { run: () => new Promise<never>(() => {}) }
    const fork = clock.fork()
    const [archive, purge] = [job('archive', 24 * hour), job('purge', hour, { enabled: false })]
    const first = runner(
      'a',
      [
        { ...archive, ...hang },
        { ...purge, ...hang },
      ],
      { clock: fork },
    )
    first.start()
    await clock.advance(second)
    for (const name of ['archive', 'purge']) void first.run(name, { dryRun: false, by: 'token:ci' }).catch(() => {})
    await clock.settle()
    fork.stop()
    const next = runner('b', [archive, purge])
    assert.deepEqual(
      (await next.list()).map(({ running }) => running?.by),
      ['token:ci', 'token:ci'],
    )
    next.start()
    await clock.advance(30 * second)
    assert.deepEqual(ran, ['archive job:archive'])
    assert.deepEqual(
      (await next.list()).map(({ running }) => running),
      [null, null],
    )
    assert.equal((await row('archive'))?.error, null)
    assert.match((await row('purge'))!.error!, /cut off/)
    await next.stop()
  })

  it('that fail stop no others, say why, are tried sooner, and keep their last result', async () => {
    const { clock, ran, job, runner, row } = ground()
    let fails = false
    const broken = job('archive', 4 * hour, {
      run: () => (fails ? Promise.reject(new AppError('target.refused', 'HTTP 403')) : Promise.resolve({ files: 1 })),
    })
    const one = runner('a', [broken, job('sweep', hour)])
    one.start()
    await clock.advance(4 * hour + second)
    fails = true
    await clock.advance(4 * hour)
    const kept = await row('archive')
    assert.match(kept!.error!, /HTTP 403/)
    assert.deepEqual(kept!.result, { files: 1 })
    assert.ok(kept!.nextAt! - kept!.endedAt! <= hour + minute)
    assert.equal(ran.length, 8)
    fails = false
    await clock.advance(2 * hour)
    assert.equal((await row('archive'))!.error, null)
    await one.stop()
  })

  it('never run beside themselves, and are cut off after their longest time', async () => {
    const { clock, job, runner, row } = ground()
    let running = 0
    let most = 0
    const release = Promise.withResolvers<void>()
    const deaf = job('deaf', minute, {
      most: 10 * minute,
      async run() {
        running += 1
        most = Math.max(most, running)
        await release.promise
        running -= 1
        return {}
      },
    })
    const one = runner('a', [deaf])
    one.start()
    await clock.advance(hour)
    assert.deepEqual([running, most], [1, 1])
    assert.match((await row('deaf'))!.error!, /no answer in time/)
    await assert.rejects(one.run('deaf', { dryRun: false, by: 'token:ci' }), { code: 'request.conflict' })
    release.resolve()
    await clock.advance(hour)
    assert.equal(most, 1)
    assert.equal((await row('deaf'))!.error, null)
    await one.stop()
  })

  it('stop within a bound, also those that do not heed their signal', async () => {
    const { clock, job, runner, row } = ground()
    const one = runner('a', [job('deaf', minute, { run: () => new Promise(() => {}) })])
    one.start()
    await clock.advance(minute + second)
    await clock.drive(one.stop(), 10 * second)
    const kept = await row('deaf')
    assert.match(kept!.error!, /stopped before it was done/)
    assert.ok(kept!.nextAt! <= clock.now(), 'the next process runs it at once')
  })

  it('are run when a person asks, as that person, and dry runs leave nothing', async () => {
    const { clock, ran, job, runner, row } = ground()
    const purge = job('purge', hour, { enabled: false })
    const one = runner('a', [purge, job('sweep', hour)])
    one.start()
    await clock.advance(second)
    const dry = await one.run('purge', { dryRun: true, by: 'token:ci' })
    assert.equal(dry.is, 'done')
    assert.equal((await row('purge'))?.startedAt ?? null, null)
    await one.run('purge', { dryRun: false, by: 'token:ci' })
    assert.deepEqual(ran, ['purge token:ci', 'purge token:ci'])
    assert.deepEqual([(await row('purge'))?.by, (await row('purge'))?.nextAt], ['token:ci', null])
    await assert.rejects(one.run('other', { dryRun: true, by: 'x' }), { code: 'request.not-found' })
    await one.stop()
  })

  it('go on where whoever asked has no more patience', async () => {
    const { clock, job, runner, row } = ground()
    const release = Promise.withResolvers<object>()
    const slow = job('archive', hour, { run: () => release.promise as Promise<{}> })
    const one = runner('a', [slow])
    one.start()
    await clock.advance(second)
    const asked = one.run('archive', { dryRun: false, by: 'token:ci', patience: 20 * second })
    assert.equal((await clock.drive(asked)).is, 'running')
    assert.equal((await one.list())[0]?.running?.by, 'token:ci')
    release.resolve({ files: 2 })
    await clock.settle()
    assert.deepEqual((await row('archive'))?.result, { files: 2 })
    await one.stop()
  })

  it('that are asked for elsewhere are run by who holds the lease', async () => {
    const { clock, ran, job, runner, row } = ground()
    const jobs = [job('purge', hour, { enabled: false })]
    const holder = runner('a', jobs)
    holder.start()
    await clock.advance(second)
    const other = runner('b', jobs)
    other.start()
    await clock.advance(second)
    assert.deepEqual(await other.run('purge', { dryRun: false, by: 'token:ci' }), { is: 'asked' })
    assert.deepEqual(ran, [])
    await clock.advance(10 * second)
    assert.deepEqual(ran, ['purge token:ci'])
    await clock.advance(hour)
    assert.deepEqual(ran, ['purge token:ci'])
    const [shown] = await other.list()
    assert.deepEqual([shown?.row?.by, shown?.running, shown?.nextAt], ['token:ci', null, null])
    assert.equal((await row('purge'))?.error, null)
    await Promise.all([holder.stop(), other.stop()])
  })

  it('can be run by a command beside no server, which keeps nobody from the lease', async () => {
    const { clock, journal, ran, job, runner } = ground()
    const alone = runner('a', [job('sweep', hour)])
    await alone.run('sweep', { dryRun: false, by: 'socket' })
    assert.deepEqual(ran, ['sweep socket'])
    assert.notEqual(await journal.lease('services.jobs', 'b', minute), null)
    await alone.stop()
    assert.equal(clock.sleeping, 0)
  })

  it('go on after the ledger was away', async () => {
    const { clock, journal, ran, job, runner } = ground()
    let away = false
    const flaky: Journal = {
      ...journal,
      lease: (...asked) =>
        away ? Promise.reject(new AppError('journal.unavailable', 'away')) : journal.lease(...asked),
    }
    const one = runner('a', [job('sweep', minute)], { journal: flaky })
    one.start()
    await clock.advance(minute + second)
    away = true
    await clock.advance(10 * minute)
    const during = ran.length
    assert.ok(during <= 2, 'nothing runs without the lease')
    away = false
    await clock.advance(3 * minute)
    assert.ok(ran.length > during)
    await one.stop()
  })
})
