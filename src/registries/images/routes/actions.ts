/** What people do with a stage: look, approve, deploy, roll back, redeploy, unpin, pause, resume. */
import { z } from 'zod'
import { isoTime, type Instant } from '../../../kernel/clock.ts'
import { AppError } from '../../../kernel/errors.ts'
import { route, type Caller, type Route } from '../../../kernel/route.ts'
import { opensAt, parseWindow } from '../deploy/window.ts'
import { revisionOf, type Stage } from '../model.ts'
import { common, stageOf, stageParams, type Asked } from './asked.ts'
import { nextOf, whyHeld } from './hold-words.ts'
import { itemFor, stagePath } from './one.ts'
import { StageItem } from './shown.ts'
import { candidateOf, releaseOf, troubled, writtenOf, type Written } from './standing.ts'
import { versionOf, type Named } from './version.ts'

const reason = z.string().min(1).max(500).optional().meta({ description: 'Why; it goes into the history' })
const force = z.boolean().default(false).meta({ description: 'Also outside of the windows, and of a paused stage' })
const revision = z.string().max(200).optional().meta({ description: 'Only if this is what waits: what was looked at' })
const dryRun = z.boolean().default(false).meta({ description: 'Only say what it would do' })

const Done = z.object({
  done: z.boolean().meta({ description: 'false: there was nothing to do, or it was only asked' }),
  what: z.string().meta({ description: 'In words' }),
  version: z.object({ tag: z.string(), digest: z.string() }).nullable().meta({ description: 'Which it is about' }),
  revision: z.string().nullable().meta({ description: 'By which its deploy is known' }),
  stage: StageItem,
})

/** What a request asks for, and with what. */
interface Act<B> {
  readonly parts: Asked
  readonly stage: Stage
  readonly written: Written
  readonly body: B
  readonly caller: Caller
  readonly signal: AbortSignal
}

interface Acted {
  readonly what: string
  readonly version?: Named | null
  readonly revision?: string | null
  /** Absent: there is nothing to do. */
  readonly run?: () => Promise<{ readonly what?: string; readonly revision?: string } | void>
}

export function actionRoutes(parts: Asked): readonly Route[] {
  return [
    act(parts, 'check', 'Look at the image now, and wait for it', { dry_run: dryRun }, check),
    act(parts, 'approve', 'Approve the version that waits', { revision, dry_run: dryRun }, approve),
    act(
      parts,
      'deploy',
      'Deploy what waits now, whether or not it is held; with a tag that version, and stay with it',
      { tag: z.string().min(1).max(300).optional(), revision, reason, force, dry_run: dryRun },
      deploy,
    ),
    act(
      parts,
      'rollback',
      'Go back to what ran before, or to a version of before, and stay with it until it is unpinned',
      { to: z.string().min(1).max(300).optional(), reason, force, dry_run: dryRun },
      rollback,
    ),
    act(parts, 'unpin', 'Follow the newest version again', { dry_run: dryRun }, unpin),
    act(parts, 'redeploy', 'Deploy once more what is wanted there', { force, dry_run: dryRun }, redeploy),
    act(parts, 'pause', 'Hold every deploy of the stage', { reason, dry_run: dryRun }, pause),
    act(parts, 'resume', 'Let its deploys go again', { dry_run: dryRun }, resume),
  ]
}

function act<S extends z.ZodRawShape>(
  parts: Asked,
  verb: string,
  summary: string,
  shape: S,
  plan: (asked: Act<z.infer<z.ZodObject<S>>>) => Acted | Promise<Acted>,
): Route {
  return route({
    ...common,
    method: 'POST',
    path: `${stagePath}/${verb}`,
    role: 'operator',
    summary,
    params: stageParams,
    body: z.strictObject(shape),
    response: Done,
    async handle({ params, body, caller, signal }) {
      const stage = await stageOf(parts, params, caller)
      const written = (await writtenOf(parts.journal, [stage])).get(stage.key)!
      const given = body as z.infer<z.ZodObject<S>>
      const acted = await plan({ parts, stage, written, body: given, caller, signal })
      const only = (given as { readonly dry_run?: boolean }).dry_run === true
      const ran = only ? undefined : await acted.run?.()
      const reply: z.infer<typeof Done> = {
        done: acted.run !== undefined && !only,
        what: ran?.what ?? acted.what,
        version: acted.version ?? null,
        revision: ran?.revision ?? acted.revision ?? null,
        stage: await itemFor(parts, parts.book.stage(stage.key) ?? stage),
      }
      return { body: reply }
    },
  })
}

function check({ parts, stage, written, signal }: Act<object>): Acted {
  const { registry, image } = stage
  return {
    what: `${image} of ${registry} is looked at`,
    async run() {
      const began = parts.clock.now()
      await parts.watch.look({ registry, image }, signal)
      // Where nobody runs the deployer's sync here, nobody writes down what was found.
      const runs = parts.engine().fence(stage.deployer) !== null
      if (runs) await taken(parts, stage, { began, seq: written.entry?.seq ?? 0 }, signal)
      const { result, detail } = parts.book.state(stage.key)
      return { what: `${image} was looked at: ${result ?? 'nothing is known yet'}${detail ? `, ${detail}` : ''}` }
    },
  }
}

/** How long what a look found may be on its way to the ledger. */
const onItsWay = 3_000

/** The engine writes down what it was told of, so that whoever asked sees it. */
async function taken(
  { book, clock, journal }: Asked,
  stage: Stage,
  { began, seq }: { readonly began: Instant; readonly seq: number },
  signal: AbortSignal,
): Promise<void> {
  for (const until = clock.monotonic() + onItsWay; clock.monotonic() < until && !signal.aborted;) {
    const { pin, result, resultAt, lastPolledTag } = book.state(stage.key)
    if (pin !== null || result === null || troubled.includes(result)) return
    const { entry } = (await writtenOf(journal, [stage])).get(stage.key)!
    const news = result !== 'unchanged' && (resultAt ?? 0) >= began && (entry?.seq ?? 0) <= seq
    if (!news && entry?.label === lastPolledTag) return
    await clock.sleep(20, signal)
  }
}

function approve({ parts, stage, written, body, caller }: Act<{ readonly revision?: string | undefined }>): Acted {
  const waits = candidateOf(releaseOf(written), parts.deploys.of(stage.key))
  if (waits === null) throw conflict(`Nothing waits at ${stage.key}: there is nothing to approve.`)
  expectRevision(stage, waits.revision, body.revision)
  const needed = stage.approval?.count ?? 1
  if (stage.approval === null && stage.autoDeploy) {
    throw conflict(
      `Versions of ${stage.key} need no approval; \`regista images get ${stage.key}\` says what it waits for.`,
    )
  }
  return {
    what: `${waits.tag} at ${stage.key} is approved`,
    version: waits,
    revision: waits.revision,
    async run() {
      const count = await parts.book.approve(stage.key, waits.revision, caller.name)
      await parts.engine().reconsider(stage.deployer, stage.key)
      if (count < needed) return { what: `${waits.tag} is approved by ${count} of ${needed}` }
      const other = written.holds.find((hold) => hold.reason !== 'approval')
      if (other === undefined) return { what: `${waits.tag} is approved` }
      const next = nextOf(other.reason, stage.key, other.id)
      return { what: `${waits.tag} is approved, and held for another reason: ${whyHeld(other.reason)}; ${next}` }
    },
  }
}

type DeployBody = {
  readonly tag?: string | undefined
  readonly revision?: string | undefined
  readonly reason?: string | undefined
  readonly force: boolean
}

async function deploy(asked: Act<DeployBody>): Promise<Acted> {
  const { parts, stage, written, body, signal } = asked
  if (body.tag !== undefined) {
    const version = await versionOf(parts, stage, body.tag, signal)
    return pinTo(asked, version, body.reason ?? null, body.force)
  }
  const release = releaseOf(written)
  if (release === null) {
    throw conflict(`No version of ${stage.key} was seen yet; \`regista images check ${stage.key}\` looks for one.`)
  }
  expectRevision(stage, release.revision, body.revision)
  const version = { tag: release.tag, digest: release.digest }
  const { state } = written.delivery ?? {}
  if (state === 'applied' && candidateOf(release, parts.deploys.of(stage.key)) === null) {
    return {
      what: `${release.tag} runs there already; \`regista images redeploy ${stage.key}\` does it again`,
      version,
    }
  }
  if (state === 'rejected') return again(asked, version, body.force)
  return {
    what: `${release.tag} goes to ${stage.key}${onceOpen(asked, body.force)}`,
    version,
    revision: release.revision,
    run: () => letGo(asked, release.revision, body.force),
  }
}

/** What only guards against surprises passes, because a person knows; with `force` everything. */
const passed: readonly string[] = ['first-sight', 'drift-reported']

async function letGo({ parts, stage, written, caller }: Act<unknown>, wanted: string, all: boolean): Promise<void> {
  const engine = parts.engine()
  await parts.book.ask(stage.key, wanted, caller.name, all)
  for (const { id, reason: why } of written.holds) {
    if (all || passed.includes(why)) await engine.release(id, caller.name)
  }
  await engine.reconsider(stage.deployer, stage.key)
}

type RollbackBody = { readonly to?: string | undefined; readonly reason?: string | undefined; readonly force: boolean }

async function rollback(asked: Act<RollbackBody>): Promise<Acted> {
  const { parts, stage, body, signal } = asked
  const deployed = parts.deploys.of(stage.key)
  const previous = deployed?.receipt?.previous ?? null
  if (body.to === undefined && previous === null) {
    const next = `name a tag: \`regista images rollback ${stage.key} --to TAG\``
    throw conflict(`What ran at ${stage.key} before is not known; ${next}.`)
  }
  // The tag may have moved since: what ran there is known by its digest.
  const known = body.to === undefined || body.to === previous?.tag || body.to === previous?.digest
  const version = known ? previous! : await versionOf(parts, stage, body.to!, signal)
  return pinTo(asked, version, body.reason ?? 'rollback', body.force)
}

function pinTo(asked: Act<unknown>, { tag, digest }: Named, why: string | null, all: boolean): Acted {
  const { parts, stage, caller } = asked
  const version = { tag, digest }
  const wanted = revisionOf(digest, parts.book.state(stage.key).generation)
  return {
    what: `${stage.key} goes to ${tag}${onceOpen(asked, all)} and stays there, until \`regista images unpin ${stage.key}\``,
    version,
    revision: wanted,
    async run() {
      // Asked for first: the gates know of it before the version comes to them.
      await parts.book.ask(stage.key, wanted, caller.name, all)
      await parts.book.pin(stage.key, { ...version, by: caller.name, reason: why })
      await letGo(asked, wanted, all)
    },
  }
}

/** What a person asks for waits for these all the same, unless it is forced. */
function onceOpen({ parts, stage }: Act<unknown>, all: boolean): string {
  if (all) return ''
  if (parts.book.state(stage.key).paused !== null) return ' once it is resumed (or with --force)'
  const windows = stage.windows.flatMap((text) => parseWindow(text) ?? [])
  const at = opensAt(windows, parts.clock.now())
  return at === null ? '' : ` once its window opens at ${isoTime(at)} (or with --force)`
}

function unpin({ parts, stage, caller }: Act<object>): Acted {
  const { pin } = parts.book.state(stage.key)
  if (pin === null) return { what: `${stage.key} is not pinned` }
  return {
    what: `${stage.key} follows the newest version again`,
    run: () => parts.book.unpin(stage.key, caller.name),
  }
}

function redeploy(asked: Act<{ readonly force: boolean }>): Acted {
  const release = releaseOf(asked.written)
  if (release === null) throw conflict(`No version of ${asked.stage.key} was seen yet: there is nothing to deploy.`)
  return again(asked, { tag: release.tag, digest: release.digest }, asked.body.force)
}

/** Another revision of the same version, so that it is a change. */
function again(asked: Act<unknown>, version: Named, all: boolean): Acted {
  const { parts, stage, caller } = asked
  return {
    what: `${version.tag} goes to ${stage.key} once more${onceOpen(asked, all)}`,
    version,
    async run() {
      const generation = await parts.book.again(stage.key, caller.name)
      const wanted = revisionOf(version.digest, generation)
      await letGo(asked, wanted, all)
      return { revision: wanted }
    },
  }
}

function pause({ parts, stage, body, caller }: Act<{ readonly reason?: string | undefined }>): Acted {
  if (parts.book.state(stage.key).paused !== null) return { what: `${stage.key} is paused already` }
  return {
    what: `${stage.key} is paused: nothing is deployed there until \`regista images resume ${stage.key}\``,
    run: () => parts.book.pause(stage.key, caller.name, body.reason ?? null),
  }
}

function resume({ parts, stage, caller }: Act<object>): Acted {
  if (parts.book.state(stage.key).paused === null) return { what: `${stage.key} is not paused` }
  return {
    what: `${stage.key} is not paused any more`,
    async run() {
      await parts.book.resume(stage.key, caller.name)
      await parts.engine().reconsider(stage.deployer, stage.key)
    },
  }
}

function expectRevision(stage: Stage, now: string, wanted: string | undefined): void {
  if (wanted === undefined || wanted === now) return
  const next = `\`regista images get ${stage.key}\` shows what waits now`
  throw conflict(`Another version waits at ${stage.key} by now; ${next}.`)
}

function conflict(detail: string): AppError {
  return new AppError('request.conflict', detail)
}
