/**
 * A registry file in Git. What the ledger wants of it is compared with the file at the head of its base; what differs
 * is proposed on one branch, and is true only once the base has it.
 */
import type { Forge } from '../../../connectors/forge/forge.ts'
import type { Key, Look } from '../../../engine/source.ts'
import type { Batch, Change, Held, Outcome, Target, TargetAsk } from '../../../engine/target.ts'
import type { Clock, Instant, Ms } from '../../../kernel/clock.ts'
import { digestOf } from '../../../kernel/digest.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Json } from '../../../kernel/json.ts'
import type { Logger } from '../../../kernel/logger.ts'
import { matchStatuses, type Match } from '../file/match.ts'
import type { ClaimStatus } from '../model.ts'
import { unifiedDiff } from './diff.ts'
import { createLeftovers } from './leftovers.ts'
import { createRolling, type Standing, type Wanted } from './roll.ts'
import { blankState, readState, type RollState } from './state.ts'
import { createFileBaseReader, type FileBase } from './base.ts'
import { createManifests, type Manifests } from './manifests.ts'
import { contentOf, fieldsFor, fileReasons, judgeFile, type Judged, type Verdict } from './plan.ts'
import { statusOfKey, type Wishes, type WishReader } from './wishes.ts'

export interface FileTargetOptions {
  readonly name: string
  readonly forge: Forge
  readonly wishes: WishReader
  readonly clock: Clock
  readonly logger: Logger
  /** Branch that holds the registry. */
  readonly base: string
  readonly path: string
  /** Written instead, where the registry is to be left as it is. */
  readonly sidecar?: string | undefined
  /** That a ClaimRegistry file is about. */
  readonly cluster?: string | undefined
  readonly writeStatus?: boolean
  readonly onDelete?: 'keep' | 'mark' | 'remove'
  /** Also find an entry by the manifest that it names. Each is read once. */
  readonly matchByPath?: boolean
  readonly change: {
    /** Default: machinery-status/BASE. */
    readonly branch?: string | undefined
    readonly title: string
    /** Of commits; default: the title. */
    readonly message?: string | undefined
    readonly labels?: readonly string[]
    readonly reviewers?: readonly string[]
    readonly draft?: boolean
    readonly autoMerge?: boolean
    /** Close what machinery-status-collector left open, once ours says it all. */
    readonly closeLeftovers?: boolean
  }
  /** Least time between two changes of the branch: what comes meanwhile goes together. */
  readonly writeEvery?: Ms
}

export interface FileTarget extends Target<ClaimStatus> {
  /** What would be proposed now, as a unified diff, and what cannot be. Reads the forge, writes nothing. */
  preview(signal: AbortSignal): Promise<Preview>
  /** The next write need not wait for the time since the last one: a person asked. */
  hurry(): void
}

export interface Preview {
  readonly path: string
  /** '' where the file says all. */
  readonly diff: string
  readonly changes: number
  readonly unmatched: readonly Key[]
  /** And those whose entry cannot be edited alone, with why. */
  readonly ambiguous: ReadonlyMap<Key, string>
}

/** A forge asks for no more than 500 changes an hour, and each write of ours is up to five. */
const standardWriteEvery: Ms = 60_000
/**
 * What waits is asked about with all else that waits, so that people read how it stands now: a branch that somebody
 * committed to, a request that was closed. That it is in the base, a look tells sooner.
 */
const askEvery = { proposed: 300_000, unwritable: 3_600_000 } as const
const leftoverEvery: Ms = 10_000

export function createFileTarget(options: FileTargetOptions): FileTarget {
  const { name, forge, clock, logger, base, path, sidecar = null, cluster, writeStatus = false } = options
  const { onDelete = 'keep', writeEvery = standardWriteEvery } = options
  const { title, message = title, labels = [], reviewers = [], draft = false, autoMerge = false } = options.change
  const { branch = `machinery-status/${base}` } = options.change
  const rules = { writeStatus, onDelete }
  const files = createFileBaseReader({ forge, clock, base, path, sidecar })
  const more = { title: lineOf(title), message: lineOf(message), labels, reviewers, draft, autoMerge }
  const rolling = createRolling({ forge, clock, logger, base, branch, ...more })
  const ear = createAlarm(clock)
  const leftovers = options.change.closeLeftovers === true ? createLeftovers(forge, base, logger) : null
  const manifests = options.matchByPath === true ? createManifests(forge) : null
  const matching = createMatching(cluster, manifests)
  let wroteAt: Ms | null = null
  const proposed: Standing = forge.requests === null ? 'branch' : 'change-request'
  const patience = createPatience(clock)

  const render = ({ item }: { readonly item: ClaimStatus }) =>
    digestOf({ message: item.message, health: writeStatus ? item.health : null })

  function judge(file: FileBase, wishes: Wishes, removals: ReadonlySet<Key> = wishes.removals): Judged {
    const gone = new Map<Key, ClaimStatus>()
    for (const key of [...wishes.gone, ...removals]) {
      const status = wishes.live.has(key) ? null : statusOfKey(key)
      if (status !== null) gone.set(key, status)
    }
    const { live, withheld } = wishes
    const byPath = manifests?.known()
    const matchedGone = gone.size === 0 ? nothing : matchStatuses(file.registry, gone, { cluster, byPath })
    const now = clock.now()
    const all = { live, withheld, gone, removals, now }
    return judgeFile(all, matching.of(file, wishes), matchedGone, (claim) => file.spotOf(claim), rules)
  }

  async function look(ask: TargetAsk, signal: AbortSignal): Promise<Look<Held>> {
    const file = await patience.keep(() => files.now(signal))
    // What it holds of ours is the same as long as it is.
    if (ask.mark === file.blob) return { saw: 'unchanged' }
    const wishes = await options.wishes.read()
    await patience.keep(() => matching.prepare(file, wishes, signal))
    const items = [...judge(file, wishes).verdicts].flatMap(([key, verdict]) => heldOf(key, verdict, wishes))
    return { saw: 'complete', items, mark: file.blob }
  }

  function heldOf(key: Key, verdict: Verdict, { live }: Wishes): Held[] {
    const item = live.get(key)
    if (verdict.is === 'superseded') return item ? [{ key, digest: render({ item }) }] : []
    if (!('spot' in verdict) || verdict.spot === null) return []
    const { spot } = verdict
    if (verdict.is === 'holds' && item) return [{ key, digest: render({ item }) }]
    // No status was ever written there.
    if (item && spot.statusMessage === null) return []
    return [{ key, digest: digestOf(['other', spot.statusMessage, spot.status]) }]
  }

  async function* apply(batch: Batch<ClaimStatus>, signal: AbortSignal): AsyncGenerator<readonly [Key, Outcome]> {
    if (signal.aborted) throw new AppError('aborted', `changes of ${name}`)
    const file = await patience.keep(() => files.recent(signal))
    const wishes = await options.wishes.read()
    await patience.keep(() => matching.prepare(file, wishes, signal))
    let { owed } = batch
    if (batch.changes.length > 0) {
      const deletes = batch.changes.filter(({ op }) => op === 'delete').map(({ key }) => key)
      const { verdicts } = judge(file, wishes, new Set([...wishes.removals, ...deletes]))
      const on = standingOf(readState(owed))
      const outcomes = batch.changes.map(
        (change) => [change.key, outcomeOf(change, verdicts.get(change.key), on(change))] as const,
      )
      batch.fence()
      if (owed === null && outcomes.some(([, { is }]) => is === 'waiting')) {
        owed = blankState as unknown as Json
        await batch.owe(owed)
      }
      yield* outcomes
    }
    if (!batch.last || owed === null) return
    await patience.keep(() => finish({ file, wishes }, { ...batch, owed }, signal))
  }

  /** What a change waits on, as far as is known before branch and request are brought in line. */
  function standingOf({ foreign, snoozed }: RollState): (change: Change<ClaimStatus>) => Standing {
    if (foreign !== null) return () => 'foreign-commit'
    // What is new makes it another content.
    return ({ handle }) => (snoozed !== null && handle !== undefined ? 'snoozed' : proposed)
  }

  function outcomeOf({ op, entry }: Change<ClaimStatus>, verdict: Verdict | undefined, standing: Standing): Outcome {
    // Neither in the ledger nor in the file: it came and went.
    if (verdict === undefined) return op === 'delete' ? { is: 'applied' } : waitingOn(fileReasons.unmatched)
    if (verdict.is === 'superseded') return { is: 'applied' }
    if (!('spot' in verdict)) return waitingOn(fileReasons[verdict.is])
    // The ledger may know a newer status by now, but this is the one that was asked for.
    const holds =
      op === 'put' && verdict.spot !== null
        ? fieldsFor(entry!.item, verdict.spot, rules) === null
        : verdict.is === 'holds'
    return holds ? { is: 'applied' } : waitingOn(standing, askEvery.proposed)
  }

  function waitingOn(on: string, every: Ms = askEvery.unwritable): Outcome {
    return { is: 'waiting', on, handle: { on }, again: every - (clock.now() % every) }
  }

  /** Brings branch and request in line, and settles what is owed once nothing waits any more. */
  async function finish({ file, wishes }: Seen, batch: Batch<ClaimStatus>, signal: AbortSignal): Promise<void> {
    const rest = wroteAt === null ? 0 : wroteAt + writeEvery - clock.monotonic()
    // What comes until then goes together; nothing is compared for each post of a flood.
    if (rest > 0) return ear.set(rest)
    const judged = judge(file, wishes)
    const wanted = wantedOf(judged, file)
    const before = readState(batch.owed)
    const writes = rolling.writes(wanted, before)
    const owe = (state: RollState) => batch.owe(state as unknown as Json)
    const rolled = await rolling.roll(wanted, before, { owe, fence: () => batch.fence(), signal })
    const found = before.phase === 'unknown' && rolled.standing === 'none'
    if (writes && rolled.state !== before && !found) wroteAt = clock.monotonic()
    // As long as something waits that the file may make room for, each pass comes by.
    if (rolled.standing === 'none' && !anyLeft(judged, wishes)) return batch.owe(null)
    if (leftovers === null || rolled.standing !== proposed || rolled.state !== before) return
    if (await leftovers.sweep(rolled.state.request, { fence: () => batch.fence(), signal })) ear.set(leftoverEvery)
  }

  function wantedOf(judged: Judged, file: FileBase): Wanted | null {
    const { changes } = judged
    if (changes.length === 0) return null
    const content = contentOf(judged)
    let bytes: Buffer | null = null
    const edited = () => (bytes ??= file.written.edit(changes.map(({ edit }) => edit)))
    return {
      base: file.head,
      blob: file.blob,
      content,
      rows: changes.map(({ row }) => row),
      files: () => new Map([[file.path, edited()]]),
    }
  }

  return {
    name,
    fingerprint: JSON.stringify({
      version: 1,
      path,
      sidecar,
      cluster: cluster ?? null,
      rules,
      byPath: manifests !== null,
    }),
    traits: { repeat: 'safe', page: 10_000 },
    identity: () => Promise.resolve(`${forge.name} ${base}`),
    render,
    look,
    apply,
    hints: ear.listen,
    async preview(signal) {
      const file = await files.now(signal)
      const wishes = await options.wishes.read()
      await matching.prepare(file, wishes, signal)
      const judged = judge(file, wishes)
      const after = wantedOf(judged, file)?.files().get(file.path) ?? file.bytes
      const told = [...judged.verdicts]
      return {
        path: file.path,
        diff: unifiedDiff(file.path, file.bytes.toString(), after.toString()),
        changes: judged.changes.length,
        unmatched: told.filter(([, { is }]) => is === 'unmatched').map(([key]) => key),
        ambiguous: new Map(
          told.flatMap(([key, verdict]) => ('why' in verdict && verdict.why !== null ? [[key, verdict.why]] : [])),
        ),
      }
    },
    hurry() {
      wroteAt = null
    },
    close: () => forge.close(),
  }
}

interface Seen {
  readonly file: FileBase
  readonly wishes: Wishes
}

const nothing: Match = { found: new Map(), unmatched: [], ambiguous: new Map(), superseded: new Map() }

/** Something is not as it should be, and another file might make it so. */
function anyLeft({ verdicts }: Judged, { withheld }: Wishes): boolean {
  for (const [key, verdict] of verdicts) if ('why' in verdict && !withheld.has(key)) return true
  return false
}

/** Which entry each live status means: found again only when the file, the statuses or what is known of manifests changed. */
function createMatching(cluster: string | undefined, manifests: Manifests | null) {
  let last: { readonly of: readonly unknown[]; readonly match: Match } | null = null

  function of({ registry }: FileBase, { live, version }: Wishes): Match {
    const byPath = manifests?.known()
    const now = [registry, version, byPath]
    if (last === null || now.some((one, at) => one !== last!.of[at])) {
      last = { of: now, match: matchStatuses(registry, live, { cluster, byPath }) }
    }
    return last.match
  }

  return {
    of,
    /** Where names alone leave something open, manifests are read. */
    async prepare(file: FileBase, wishes: Wishes, signal: AbortSignal): Promise<void> {
      if (manifests === null) return
      const { found, unmatched, ambiguous } = of(file, wishes)
      if (![...unmatched, ...ambiguous.keys()].some((key) => wishes.live.get(key)?.object != null)) return
      const taken = new Set(found.values())
      const open = file.registry.claims.filter((claim) => !taken.has(claim))
      await manifests.learn(file, open, signal)
    },
  }
}

/** Titles of commits and requests are one line. */
function lineOf(text: string): string {
  return text.replace(/\s+/g, ' ').trim()
}

/** Where a forge asked to be left alone for a while, it is: every call ends as the one that was told so. */
function createPatience(clock: Clock) {
  let until: Ms | null = null
  let told: AppError | null = null
  return {
    async keep<T>(work: () => Promise<T>): Promise<T> {
      if (told !== null && until !== null && clock.monotonic() < until) throw told
      try {
        return await work()
      } catch (thrown) {
        const after = thrown instanceof AppError ? thrown.data['retryAfter'] : undefined
        if (thrown instanceof AppError && typeof after === 'number') {
          told = thrown
          until = clock.monotonic() + after
        }
        throw thrown
      }
    },
  }
}

/** Wakes whoever listens after a time: what had to wait for another write can go. */
function createAlarm(clock: Clock) {
  let at: Instant | null = null
  let changed = Promise.withResolvers<void>()
  return {
    set(after: Ms) {
      at = clock.monotonic() + after
      changed.resolve()
    },
    async *listen(signal: AbortSignal): AsyncGenerator<void> {
      const ended = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
      while (!signal.aborted) {
        changed = Promise.withResolvers()
        const left = at === null ? null : at - clock.monotonic()
        if (left !== null && left <= 0) {
          at = null
          yield
          continue
        }
        const over = new AbortController()
        await Promise.race([
          changed.promise,
          ended,
          ...(left === null ? [] : [clock.sleep(left, AbortSignal.any([over.signal, signal]))]),
        ])
        over.abort(null)
      }
    },
  }
}
