/** Puts the parts of the registry together. */
import { randomUUID } from 'node:crypto'
import { createHttp } from '../../connectors/http/client.ts'
import { createWebhookSender } from '../../connectors/webhook/send.ts'
import type { SyncSpec } from '../../engine/engine.ts'
import { fixedTargets } from '../../engine/target.ts'
import { AppError } from '../../kernel/errors.ts'
import { readVersion } from '../../kernel/version.ts'
import { hooksOf } from '../hooks.ts'
import type { Built, Parts } from '../registry.ts'
import { deployersOf, stagesOf, type DeployerConfig, type ImagesConfig } from './config.ts'
import type { Deployer } from './deploy/deployer.ts'
import { createDeploys } from './deploy/deploys.ts'
import { gatesOf } from './deploy/gates.ts'
import { openDeployer } from './deploy/open.ts'
import { targetOf, type DeployTarget } from './deploy/target.ts'
import { createHooks } from './hooks/hooks.ts'
import { measureChecks, measureDeploys, measureHooks, measureRequests, registerMetrics } from './metrics.ts'
import type { Release, Stage } from './model.ts'
import type { ImageRegistry } from './registry-types/image-registry.ts'
import { openImageRegistry } from './registry-types/index.ts'
import type { DeployerFacts } from './routes/parts.ts'
import { imageRoutes } from './routes/routes.ts'
import type { Book } from './stages/book.ts'
import { createBook } from './stages/open.ts'
import { createPollInterval } from './stages/poll-interval.ts'
import { reconsiderStages } from './stages/reconsider.ts'
import { faultsOf, settledImage } from './stages/rules.ts'
import { createWatch } from './watch/create-watch.ts'
import type { Watch } from './watch/watch.ts'

/** What reaches out of the process; tests open others. */
export interface Openers {
  readonly registry: typeof openImageRegistry
  readonly deployer: typeof openDeployer
}

const usual: Openers = { registry: openImageRegistry, deployer: openDeployer }

export async function buildImages(config: ImagesConfig, given: Parts, openers = usual): Promise<Built> {
  const parts = { ...given, openers }
  const closing: (() => Promise<unknown>)[] = []
  const close = async () => {
    // The last that was opened needs those before it.
    for (const one of closing.splice(0).toReversed()) await Promise.allSettled([one()])
  }
  try {
    return await open(config, parts, closing, close)
  } catch (thrown) {
    await close()
    throw thrown
  }
}

type OpenParts = Parts & { readonly openers: Openers }

async function open(
  config: ImagesConfig,
  parts: OpenParts,
  closing: (() => Promise<unknown>)[],
  close: () => Promise<void>,
): Promise<Built> {
  const { journal, logger, metrics, engine } = parts
  const opened = <T extends { close(): Promise<void> }>(one: T): T => {
    closing.push(() => one.close())
    return one
  }
  const registries = openRegistries(config, parts, opened)
  const book = opened(openBook(config, parts, registries))
  const names = Object.keys(config.deployers)
  const deploys = opened(createDeploys({ ...parts, book, deployers: names }))
  const pollInterval = opened(createPollInterval(parts, config.poll_interval))
  const read = () => Promise.all([book.start(), deploys.start(), pollInterval.start()]).then(() => {})
  let reading: Promise<void> | null = null
  /** A failure is forgotten: whoever comes next tries again. */
  const ready = () => {
    reading ??= read().catch((thrown: unknown) => {
      reading = null
      throw thrown
    })
    return reading
  }
  const targets = await openTargets(config, { ...parts, book, ready, registries, deploys }, opened)
  const watch = opened(
    createWatch({
      ...parts,
      book,
      registries,
      ready,
      settings: { pollInterval: pollInterval.get, coalesce: config.coalesce },
      deployed: (key) => deploys.of(key)?.tag ?? null,
      runs: (deployer) => engine().fence(deployer) !== null,
      measures: measureChecks(metrics),
    }),
  )
  pollInterval.subscribe(() => watch.reschedule())
  const hooks = opened(
    createHooks({
      ...parts,
      settings: config.hooks,
      home: (registry) => registries.get(registry) ?? null,
      stages: () => book.stages(),
      hint: (place, tag) => watch.hint(place, 'webhook', tag),
      measure: measureHooks(metrics),
      newId: randomUUID,
    }),
  )
  const asked = {
    ...parts,
    book,
    watch,
    deploys,
    registries,
    deployers: new Map(targets.map(({ facts }) => [facts.name, facts])),
    pollInterval,
    hooks,
    progress: (key: string) => {
      const deployer = book.stage(key)?.deployer
      return targets.find(({ facts }) => facts.name === deployer)?.target.progress(key) ?? null
    },
    ready,
  }
  registerMetrics({ ...parts, journal: () => journal, book, watch, deployers: names })
  return {
    syncs: targets.map((one) => specOf(one, { book, watch })) as unknown as Built['syncs'],
    routes: [...imageRoutes(asked), ...hooks.routes],
    async start() {
      await ready()
      closing.push(reconsiderStages({ book, engine, logger }))
      await hooks.start()
    },
    close,
  }
}

interface Opened {
  readonly config: DeployerConfig
  readonly facts: DeployerFacts
  readonly target: DeployTarget
}

function openRegistries(
  config: ImagesConfig,
  parts: OpenParts,
  opened: (registry: ImageRegistry) => ImageRegistry,
): ReadonlyMap<string, ImageRegistry> {
  const measured = measureRequests(parts.metrics)
  return new Map(
    Object.entries(config.registries).map(([name, settings]) => {
      const logger = parts.logger.child({ images: name })
      const more = { logger, version: readVersion(), env: process.env, observe: measured(name) }
      return [name, opened(parts.openers.registry(name, settings, { ...parts, ...more }))]
    }),
  )
}

function openBook(config: ImagesConfig, parts: Parts, registries: ReadonlyMap<string, ImageRegistry>): Book {
  const where = (path: readonly string[]) => parts.where?.(path) ?? path.join('.')
  const around = {
    registries: new Map([...registries].map(([name, { type, abilities }]) => [name, { type, times: abilities.times }])),
    deployers: deployersOf(config),
  }
  const stages = stagesOf(config)
  for (const stage of stages) refuseFaults(stage, around, where)
  const settled = (stage: Stage) => settledImage(stage, registries)
  return createBook({ ...parts, stages, where, settled, faultsOf: (stage) => faultsOf(stage, around) })
}

/** What the config could not be asked for before its registries were opened. */
function refuseFaults(
  stage: Stage,
  around: Parameters<typeof faultsOf>[1],
  where: (path: readonly string[]) => string,
): void {
  const [fault] = faultsOf(stage, around)
  if (fault === undefined) return
  const place = where(['projects', stage.project, 'stages', stage.stage, ...fault.path])
  const text = fault.message.replace('\n', '; ')
  throw new AppError('config.invalid', `${place}: ${fault.path.join('.')} of ${stage.key} ${text}`)
}

async function openTargets(
  config: ImagesConfig,
  parts: OpenParts & Pick<Parameters<typeof targetOf>[1], 'book' | 'ready' | 'registries' | 'deploys'>,
  opened: <T extends { close(): Promise<void> }>(one: T) => T,
): Promise<readonly Opened[]> {
  const { clock, metrics } = parts
  const version = readVersion()
  const http = opened(createHttp({ clock, userAgent: `regista/${version}` }))
  const webhook = createWebhookSender({ clock, version })
  const measured = measureDeploys(metrics)
  const all: Opened[] = []
  for (const [name, given] of Object.entries(config.deployers)) {
    const logger = parts.logger.child({ deployer: name })
    const deployer = opened(
      await parts.openers.deployer(name, given, { ...parts, logger, http, webhook, env: process.env }),
    )
    const target = opened(
      targetOf(deployer, {
        ...parts,
        logger,
        atOnce: given.at_once,
        lookEvery: given.look_every,
        measured: (outcome, took) => measured(name, outcome, took),
      }),
    )
    all.push({ config: given, facts: factsOf(deployer), target })
  }
  return all
}

function factsOf({ name, type, repeat, abortable, bound, look }: Deployer): DeployerFacts {
  return { name, type, repeat, abortable, bound, looks: look !== undefined }
}

/** Scopes are answered from memory, but for the first look at each. */
const scopesAtOnce = 32

function specOf(
  { config, facts: { name }, target }: Opened,
  { book, watch }: { readonly book: Book; readonly watch: Watch },
): SyncSpec<Release> & Pick<Built['syncs'][number], 'notify'> {
  return {
    name,
    registry: 'images',
    source: watch.sourceOf(name),
    targets: fixedTargets(target.target),
    // The watch tells of what is new, the target of what is due.
    schedule: {},
    gates: gatesOf({ book, runs: target.runs }),
    // What runs there and is not ours is a matter of the gate of the baseline.
    firstSight: 'overwrite',
    drift: config.drift,
    // What a removed stage runs goes on running: there is nothing to ask a person about.
    budget: 'none',
    limits: { apply: target.applyBound, scopes: scopesAtOnce },
    ...(config.notify && { notify: hooksOf(config.notify) }),
  }
}
