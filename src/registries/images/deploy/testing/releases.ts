/** Stages, releases and requests for tests of deployers. */
import { sha256, type Digest } from '../../../../kernel/digest.ts'
import type { Json } from '../../../../kernel/json.ts'
import { keyOf, type Release, type Stage, type Workload } from '../../model.ts'
import { stageFor as plainStage } from '../../stages/testing/stages.ts'
import type { Deployer, DeployRequest, DeployResult } from '../deployer.ts'

export const digestFor = (tag: string): Digest => `sha256:${sha256(tag)}`

/** `more.project` and `more.stage` say its key. */
export function stageFor(more: Partial<Stage> = {}): Stage {
  const { project = 'shop', stage = 'prod' } = more
  return { ...plainStage(keyOf(project, stage), { deployer: 'under-test', deploy_on_first: true }), ...more }
}

export const workloadFor = (kind: Workload['kind'], more: Partial<Workload> = {}): Workload => {
  return { kind, namespace: null, name: 'web', container: null, ...more }
}

export function releaseFor(stage: Stage, tag: string, more: Partial<Release> = {}): Release {
  const digest = digestFor(tag)
  const { project, registry } = stage
  const repository = `registry.example.io/${stage.image}`
  return { project, stage: stage.stage, registry, repository, tag, digest, at: null, revision: digest, ...more }
}

export function requestFor(stage: Stage, tag: string, more: Partial<DeployRequest> = {}): DeployRequest {
  const release = more.release ?? releaseFor(stage, tag)
  const effectId = sha256(`${stage.key} ${release.revision}`).slice(0, 32)
  return { stage, release, effectId, was: null, credential: null, ...more }
}

export interface Followed {
  readonly result: Exclude<DeployResult, { readonly is: 'pending' }>
  readonly calls: number
  /** Everything that was said, in order. */
  readonly said: readonly string[]
}

/** Calls until it has come to an end; `between` lets the world go on. */
export async function follow(
  deployer: Deployer,
  request: DeployRequest,
  between: () => Promise<void> | void = () => {},
  { handle: from = null, most = 200, signal = new AbortController().signal } = {} as {
    readonly handle?: Json
    readonly most?: number
    readonly signal?: AbortSignal
  },
): Promise<Followed> {
  const said: string[] = []
  let handle = from
  for (let calls = 1; calls <= most; calls += 1) {
    const tools = { handle, say: (step: string) => void said.push(step), fence: () => {} }
    const result = await deployer.deploy(request, tools, signal)
    if (result.is !== 'pending') return { result, calls, said }
    handle = JSON.parse(JSON.stringify(result.handle)) as Json
    await between()
  }
  throw new Error(`no end in ${most} calls: ${said.at(-1)}`)
}
