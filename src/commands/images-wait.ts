/** Waits for the end of a deploy, and tells on stderr how it goes. */
import type { Ms } from '../kernel/clock.ts'
import { segment, type Client } from './client.ts'
import type { Run } from './command.ts'
import { pathOf, type Stage } from './images-client.ts'
import { short } from './moment.ts'
import { oneLine } from './terminal.ts'

export interface Ended {
  readonly outcome: 'deployed' | 'rejected' | 'held' | 'overtaken' | 'timed-out'
  readonly stage: Stage
  /** In words; absent: as the stage says. */
  readonly said?: string
}

const pause: Ms = 500
/** A hold of before is let go by the next pass: only one that stays is the end. */
const patience: Ms = 5_000

export async function awaitDeploy(
  run: Run,
  client: Client,
  { project, stage: name, deployer }: Stage,
  revision: string,
  timeout: Ms,
): Promise<Ended> {
  const { clock, stop, terminal } = run
  const began = clock.monotonic()
  let heldSince: Ms | null = null
  let wasWanted = false
  let said: string | null = null
  for (;;) {
    stop.throwIfAborted()
    // Nobody else would do it.
    if (client.alone) await client.post(`/api/v1/syncs/${segment(deployer)}/sync`, {})
    const stage = await client.get<Stage>(pathOf({ project, stage: name }))
    const now = clock.monotonic()
    const ended = endOf(stage, revision, wasWanted)
    if (ended !== null) return { stage, ...ended }
    wasWanted ||= stage.seen?.revision === revision
    heldSince = stage.state === 'held' && wasWanted ? (heldSince ?? now) : null
    if (heldSince !== null && now - heldSince >= patience) return { stage, outcome: 'held' }
    if (now - began >= timeout) {
      return { stage, outcome: 'timed-out', said: `not done after ${short(timeout)}, and it goes on: ${howFar(stage)}` }
    }
    const text = wasWanted ? howFar(stage) : 'waiting for it to be taken up'
    if (text !== said) terminal.err(`${oneLine(text)}\n`)
    said = text
    await clock.sleep(pause, stop)
  }
}

function endOf(stage: Stage, revision: string, wasWanted: boolean): Omit<Ended, 'stage'> | null {
  if (stage.deployed?.revision === revision && stage.state === 'deployed') return { outcome: 'deployed' }
  if (stage.seen?.revision !== revision) {
    if (!wasWanted) return null
    return { outcome: 'overtaken', said: `${stage.seen?.tag ?? 'nothing'} is wanted there by now` }
  }
  return stage.state === 'rejected' ? { outcome: 'rejected' } : null
}

function howFar({ progress, state, why }: Stage): string {
  return (
    progress?.step ?? (why === null ? (state === 'deployed' ? 'pending' : state) : `${state}: ${why.split('\n')[0]}`)
  )
}
