import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, it } from 'node:test'
import { systemClock } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import { acquire, holderSocket } from './holder.ts'

describe('holder of the state folder', () => {
  let scratch: string
  let folder: string
  let children: ChildProcess[]
  beforeEach(async () => {
    children = []
    scratch = await mkdtemp(join(tmpdir(), 'regista-holder-'))
    folder = join(scratch, 'state')
  })
  afterEach(async () => {
    for (const child of children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    }
    await rm(scratch, { recursive: true })
  })

  it('is one at a time, in this process too', () => {
    const first = acquire(folder, systemClock)
    assert.throws(() => acquire(folder, systemClock), isBusyWith(process.pid))
    first.release()
    first.release()
    const second = acquire(folder, systemClock)
    assert.throws(() => acquire(folder, systemClock), isBusyWith(process.pid))
    second.release()
  })

  it('keeps the folder to its user', () => {
    const holding = acquire(folder, systemClock)
    assert.equal(statSync(folder).mode & 0o777, 0o700)
    assert.equal(statSync(join(folder, 'regista.lock')).mode & 0o777, 0o600)
    holding.release()
  })

  it('is no longer after it was killed, and its socket goes with the next one', { timeout: 30_000 }, async () => {
    const child = await hold(folder, children)
    assert.throws(() => acquire(folder, systemClock), isBusyWith(child.pid!))
    writeFileSync(holderSocket(folder), '')
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    const holding = acquire(folder, systemClock)
    assert.equal(existsSync(holderSocket(folder)), false)
    holding.release()
  })

  it('lets one of many have it', { timeout: 60_000 }, async () => {
    const tries = await Promise.allSettled(Array.from({ length: 4 }, () => hold(folder, children)))
    assert.equal(tries.filter((one) => one.status === 'fulfilled').length, 1)
  })
})

/** A process that holds the folder until it is killed. */
async function hold(folder: string, children: ChildProcess[]): Promise<ChildProcess> {
  const program = `import { acquire } from ${JSON.stringify(new URL('./holder.ts', import.meta.url).href)}
    import { systemClock } from ${JSON.stringify(new URL('../kernel/clock.ts', import.meta.url).href)}
    acquire(process.argv[1], systemClock)
    console.log('held')
    setInterval(() => {}, 1e6)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program, folder], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  children.push(child)
  const first = await Promise.race([once(child.stdout, 'data'), once(child, 'exit').then(() => null)])
  if (first === null) throw new Error('could not hold it')
  return child
}

function isBusyWith(pid: number): (error: unknown) => boolean {
  return (error) =>
    error instanceof AppError && error.code === 'journal.busy' && error.detail.includes(`process ${pid} `)
}
