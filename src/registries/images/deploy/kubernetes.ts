/**
 * Sets the image of a Deployment, StatefulSet or DaemonSet, by digest, and waits until it is rolled out; takes it back
 * when it is not. No call waits: the first one sets the image, those that follow look how far the rollout is.
 */
import { resolve } from 'node:path'
import { createKubernetes, type Kubernetes } from '../../../connectors/kubernetes/client.ts'
import type { Cluster } from '../../../connectors/kubernetes/cluster.ts'
import { whyOf } from '../../../connectors/kubernetes/errors.ts'
import { inCluster } from '../../../connectors/kubernetes/in-cluster.ts'
import { fromKubeconfig } from '../../../connectors/kubernetes/kubeconfig.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import { digestOf } from '../../../kernel/digest.ts'
import { asAppError, AppError } from '../../../kernel/errors.ts'
import type { Random } from '../../../kernel/retry.ts'
import { createSlots } from '../../../kernel/slots.ts'
import type { Stage } from '../model.ts'
import type { Deployer, DeployRequest, DeployResult, DeployTools, Running } from './deployer.ts'
import type { KubernetesDeployerConfig } from './kubernetes-config.ts'
import { runningOf } from './kubernetes-record.ts'
import { createStepper, type Stepper } from './kubernetes-steps.ts'
import {
  containerOf,
  parseImage,
  placeOf,
  type Chosen,
  type Place,
  type WorkloadObject,
} from './kubernetes-workload.ts'

export interface KubernetesParts {
  readonly clock: Clock
  readonly random: Random
  /** Asked again where it rejected: the file may have been put right. */
  readonly cluster: () => Promise<Cluster>
}

/** Where a rollout makes no progress for so long, it is taken back. */
const usualTimeout: Ms = 600_000
/** How long rollouts may take in all that do make progress. */
const longest: Ms = 86_400_000
/** Objects that are read at a time for a look. */
const readers = 8
/** Controllers write statuses all the time while a rollout goes on. */
const mostConflicts = 8

/** As the config names it: a file, or the service account of the pod. */
export function clusterOf(
  { kubeconfig, context }: KubernetesDeployerConfig,
  parts: { readonly base: string; readonly env: Readonly<Record<string, string | undefined>>; readonly clock: Clock },
): () => Promise<Cluster> {
  const { base, env, clock } = parts
  return () =>
    kubeconfig === undefined
      ? inCluster({ env, clock })
      : fromKubeconfig({ file: resolve(base, kubeconfig), clock, ...(context !== undefined && { context }) })
}

export function createKubernetesDeployer(
  name: string,
  settings: KubernetesDeployerConfig,
  { clock, random, cluster }: KubernetesParts,
): Deployer {
  const timeout = settings.timeout ?? usualTimeout
  const stepper: Stepper = createStepper({ clock, timeout })
  let opening: Promise<{ readonly kubernetes: Kubernetes; readonly identity: string }> | null = null

  function open() {
    opening ??= cluster().then(
      (found) => ({ kubernetes: createKubernetes({ cluster: found, clock, random }), identity: found.server.href }),
      (thrown: unknown) => {
        opening = null
        throw thrown
      },
    )
    return opening
  }

  const placeIn = ({ namespace }: Kubernetes, stage: Stage) =>
    placeOf(stage, settings.namespace ?? namespace ?? 'default')

  return {
    name,
    type: 'kubernetes',
    fingerprint: digestOf([
      'kubernetes',
      settings.kubeconfig ?? null,
      settings.context ?? null,
      settings.namespace ?? null,
    ]),
    repeat: 'keyed',
    abortable: true,
    bound: longest,
    async identity(signal) {
      signal.throwIfAborted()
      return (await open()).identity
    },
    async look(stages, signal) {
      const { kubernetes } = await open()
      const slots = createSlots(readers)
      const found = stages.map(async (stage) => {
        const free = await slots.take(signal)
        try {
          return stage.workload && (await lookAt(kubernetes, placeIn(kubernetes, stage), stage, signal))
        } finally {
          free()
        }
      })
      return (await Promise.all(found)).filter((one) => one !== null)
    },
    async deploy(request, tools, signal) {
      try {
        const { kubernetes } = await open()
        return await step(kubernetes, placeIn(kubernetes, request.stage), request, tools, signal)
      } catch (thrown) {
        return resultOf(thrown, signal)
      }
    },
    async close() {
      const opened = await opening?.catch(() => null)
      await opened?.kubernetes.close()
    },
  }

  async function step(
    kubernetes: Kubernetes,
    place: Place,
    request: DeployRequest,
    tools: DeployTools,
    signal: AbortSignal,
  ): Promise<DeployResult> {
    for (let tries = 1; ; tries += 1) {
      try {
        const object = await read(kubernetes, place, signal)
        if (object === null) throw missing(place)
        return await stepper.step({ kubernetes, place, object, request, tools }, signal)
      } catch (thrown) {
        if (whyOf(thrown) === 'conflict' && tries < mostConflicts) continue
        const waiting = stepper.unanswered(place, request, tools, thrown, signal)
        if (waiting !== null) return waiting
        throw advised(thrown, place)
      }
    }
  }
}

async function read(kubernetes: Kubernetes, { path }: Place, signal: AbortSignal): Promise<WorkloadObject | null> {
  const object = await kubernetes.get(path, signal)
  return object as WorkloadObject | null
}

/** null: the stage does not fit it, which a deploy says. The other stages can be looked at all the same. */
function chosenOf(object: WorkloadObject, place: Place): Chosen | null {
  try {
    return containerOf(object, place)
  } catch {
    return null
  }
}

async function lookAt(
  kubernetes: Kubernetes,
  place: Place,
  stage: Stage,
  signal: AbortSignal,
): Promise<Running | null> {
  const object = await read(kubernetes, place, signal).catch((thrown: unknown) => {
    throw advised(thrown, place)
  })
  const container = object && chosenOf(object, place)
  if (container === null) return null
  const { image, tag, revision } = runningOf(place.kind, object!, container)
  if (revision !== null) return { key: stage.key, revision, tag, owned: true }
  const named = parseImage(image)
  const same = named.repository === stage.image || named.repository.endsWith(`/${stage.image}`)
  // Another image may go by the same tag, or stand for the same name elsewhere.
  return { key: stage.key, revision: named.digest, tag: same ? named.tag : image, owned: false }
}

function missing({ called }: Place): AppError {
  return new AppError('target.refused', `there is no ${called}; make it, and its image is set then`, {
    data: { effect: 'none' },
  })
}

/** With the right that is missing, as a role names it. */
function advised(thrown: unknown, { plural, namespace }: Place): unknown {
  if (whyOf(thrown) !== 'forbidden') return thrown
  const { code, detail, data } = asAppError(thrown)
  const verb = code === 'source.unavailable' ? 'get' : 'patch'
  const next = `needs the verb ${verb} on ${plural} (apps) in namespace ${namespace}, see examples/images/rbac.yaml`
  return new AppError(code, `${detail}: ${next}`, { cause: thrown, data: { ...data, effect: 'none' } })
}

/** What somebody may put right there is tried again, after a back-off; what is wrong with the image is not. */
function resultOf(thrown: unknown, signal: AbortSignal): DeployResult {
  if (signal.aborted || !(thrown instanceof AppError) || thrown.code === 'journal.fenced') throw thrown
  if (whyOf(thrown) === 'invalid') return { is: 'refused', why: thrown.detail, until: 'item' }
  const harmless = thrown.code === 'source.unavailable' || thrown.class === 'reject'
  const effect = (thrown.data['effect'] ?? (harmless ? 'none' : 'unknown')) === 'none' ? 'none' : 'unknown'
  return { is: 'failed', error: thrown, effect }
}
