/** What runs at stages, as the engine has it. */
import type { DockerEngine, EngineContainer, ListedContainer } from '../../../connectors/docker/client.ts'
import type { Stage } from '../model.ts'
import type { Running } from './deployer.ts'
import { isPassing, labels, namesOf } from './docker-names.ts'

/** One list for all; a question more for each stage where nothing of ours runs. */
export async function lookAt(
  engine: DockerEngine,
  template: string,
  stages: readonly Stage[],
  signal: AbortSignal,
): Promise<readonly Running[]> {
  const ours = Map.groupBy(await engine.list({ [labels.stage]: null }, signal), ({ labels: of }) => of[labels.stage])
  const running: Running[] = []
  for (const stage of stages) {
    const names = namesOf(template, stage, '', '')
    const up = (ours.get(stage.key) ?? []).filter(({ running: runs }) => runs)
    const one =
      up.find(({ name }) => name === names.current) ??
      up.find(({ name }) => names.roleOf(name) === 'up') ??
      up.find(({ name }) => !isPassing(name))
    const found = one === undefined ? await strangerAt(engine, stage, names.current, signal) : ourOwn(stage, one)
    if (found !== null) running.push(found)
  }
  return running
}

function ourOwn({ key }: Stage, { labels: of }: ListedContainer): Running {
  return { key, revision: of[labels.revision] ?? null, tag: of[labels.tag] ?? null, owned: true }
}

/** Somebody else's container of that name; null: there is none that runs. */
async function strangerAt(engine: DockerEngine, stage: Stage, name: string, signal: AbortSignal) {
  const container = await engine.container(name, signal)
  if (container === null || !container.running || container.labels[labels.stage] === stage.key) return null
  const image = await engine.image(container.image.id, signal)
  const digest = (image?.digests ?? []).find((one) => isOf(one.slice(0, one.indexOf('@')), stage.image))
  return {
    key: stage.key,
    revision: digest === undefined ? null : digest.slice(digest.indexOf('@') + 1),
    tag: tagOf(container),
    owned: false,
  }
}

/** A repository with its host, for one without. */
const isOf = (repository: string, image: string) => repository === image || repository.endsWith(`/${image}`)

function tagOf({ image: { name } }: EngineContainer): string | null {
  const last = name.slice(name.lastIndexOf('/') + 1)
  return /^[^:@]+:([A-Za-z0-9_][A-Za-z0-9._-]{0,127})(?:@|$)/.exec(last)?.[1] ?? null
}
