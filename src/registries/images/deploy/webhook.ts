/**
 * Somebody else deploys: told by a signed POST, whose answer says that it is done, that it goes on and where to ask,
 * or why not. The same key for every repetition lets the receiver do it once, so that it can be told again after a
 * time-out or a crash.
 */
import type { SendWebhook, Answer, Webhook } from '../../../connectors/webhook/send.ts'
import type { Clock, Ms } from '../../../kernel/clock.ts'
import { digestOf } from '../../../kernel/digest.ts'
import { AppError } from '../../../kernel/errors.ts'
import type { Deployer, DeployRequest, DeployResult, DeployTools } from './deployer.ts'
import { createRedaction } from './redaction.ts'
import { readAnswer, type Said } from './webhook-answer.ts'
import type { WebhookDeployerConfig } from './webhook-config.ts'

export interface WebhookParts {
  readonly clock: Clock
  readonly webhook: SendWebhook
}

const [usualTimeout, usualWithin]: readonly [Ms, Ms] = [30_000, 1_800_000]
/** How soon it is asked again where it does not say: more seldom as it goes on. */
const pace = { least: 1000, most: 15_000, share: 0.1 } as const
/** Longer waits than this that a receiver asks for are the engine's. */
const mostPatience: Ms = 60_000

/** What `pending` hands back: where to ask, below the receiver's own origin; null: tell it once more. */
interface Handle {
  readonly ask: string | null
  readonly since: number
}

export function createWebhookDeployer(
  name: string,
  settings: WebhookDeployerConfig,
  { clock, webhook }: WebhookParts,
): Deployer {
  const { timeout = usualTimeout, status_within: within = usualWithin } = settings
  const url = new URL(settings.url)
  const redact = createRedaction(secretsOf(settings, url))
  const closing = new AbortController()

  function send(more: Pick<Webhook, 'method' | 'url' | 'body'>, id: string, signal: AbortSignal): Promise<Answer> {
    const headers = { ...settings.headers, 'idempotency-key': id }
    const secrets = [settings.secret].flat()
    const all = AbortSignal.any([signal, closing.signal])
    return webhook({ ...more, id, secrets, headers, timeout, readFor: Math.min(timeout, 5000) }, all)
  }

  async function tell(request: DeployRequest, since: number, tools: DeployTools, signal: AbortSignal) {
    tools.fence()
    tools.say(`telling ${url.host}`)
    const answer = await send({ url: url.href, body: bodyOf(request) }, request.effectId, signal)
    return told(answer, readAnswer(answer, url, redact), since)
  }

  function told({ status, retryAfter }: Answer, said: Said, since: number): DeployResult {
    const what = `${url.host} answered ${status}${said.detail === null ? '' : `: ${said.detail}`}`
    if (status >= 200 && status <= 299) return took(status, said, since, what)
    if (status === 409 || status === 410 || status === 422) return { is: 'refused', why: what, until: 'item' }
    const later = status === 429 || status === 503
    if (later && retryAfter !== null && retryAfter <= mostPatience && clock.now() - since + retryAfter < within) {
      return pending({ ask: null, since }, retryAfter, `${what}; told again when it asks for it`)
    }
    if (status >= 500 || status === 408) return failed('target.unavailable', what, 'unknown')
    if (later || status === 425) return failed('target.unavailable', what, 'none')
    const next =
      status >= 300 && status <= 399 ? 'redirects are not followed; write the address that it leads to' : null
    const auth = status === 401 || status === 403 ? 'check secret and headers of the deployer' : null
    return failed('target.refused', [what, next ?? auth ?? 'check the url of the deployer'].join('; '), 'none')
  }

  function took(status: number, said: Said, since: number, what: string): DeployResult {
    if (said.state === 'failed') return { is: 'rolled-back', why: what }
    const goesOn = status === 202 || said.state === 'going'
    if (goesOn && said.elsewhere) {
      const why = `${url.host} takes deploys and says to ask elsewhere, which is not done; let it name a path of its own`
      return { is: 'refused', why, until: 'target' }
    }
    if (goesOn && said.ask !== null && said.state !== 'done') {
      return pending({ ask: said.ask, since }, pace.least, said.detail ?? 'taken')
    }
    const unsure = goesOn && said.state !== 'done' ? 'taken, and it does not say where to ask what became of it' : null
    return done(said, said.detail ?? unsure)
  }

  async function ask(
    { ask: path, since }: Handle & { readonly ask: string },
    request: DeployRequest,
    tools: DeployTools,
    signal: AbortSignal,
  ): Promise<DeployResult> {
    const handle = { ask: path, since }
    const age = clock.now() - since
    const usual = Math.min(pace.most, Math.max(pace.least, age * pace.share))
    let answer: Answer
    try {
      answer = await send({ method: 'GET', url: `${url.origin}${path}`, body: '' }, request.effectId, signal)
    } catch (thrown) {
      if (signal.aborted || closing.signal.aborted || age > within) throw thrown
      return pending(handle, usual, thrown instanceof AppError ? thrown.detail : 'no answer')
    }
    const said = readAnswer(answer, url, redact)
    const { status, retryAfter } = answer
    const what = `${url.host} answered ${status}${said.detail === null ? '' : `: ${said.detail}`}`
    const well = status >= 200 && status <= 299
    if (well && said.state === 'done') return done(said, said.detail)
    if (well && said.state === 'failed')
      return { is: 'rolled-back', why: said.detail ?? `${url.host} says that it failed` }
    if (age > within) {
      return failed('timed-out', `${what}, and it has gone on for longer than status_within allows`, 'unknown')
    }
    const passing = status >= 500 || [408, 425, 429].includes(status)
    if (!well && !passing) return failed('target.unavailable', `asked what became of it: ${what}`, 'unknown')
    tools.say(said.detail ?? (well ? 'goes on' : what))
    return pending(handle, Math.min(retryAfter ?? usual, mostPatience), said.detail ?? what)
  }

  return {
    name,
    type: 'webhook',
    fingerprint: digestOf(['webhook', settings.url]),
    repeat: 'keyed',
    abortable: true,
    bound: within + 2 * timeout,
    identity: () => Promise.resolve(url.host),
    async deploy(request, tools, signal) {
      const handle = tools.handle as Handle | null
      const since = handle?.since ?? clock.now()
      const path = handle?.ask ?? null
      try {
        if (path === null) return await tell(request, since, tools, signal)
        return await ask({ ask: path, since }, request, tools, signal)
      } catch (thrown) {
        if (!(thrown instanceof AppError) || thrown.code === 'journal.fenced') throw thrown
        return { is: 'failed', error: thrown, effect: 'unknown' }
      }
    },
    close() {
      closing.abort(new AppError('aborted', `the deployer ${name} is closed`))
      return Promise.resolve()
    },
  }
}

/** The same bytes for every repetition. */
function bodyOf({ stage, release, effectId, was }: DeployRequest): string {
  const { project, repository, tag, digest, revision } = release
  return JSON.stringify({
    type: 'deploy',
    id: effectId,
    project,
    stage: stage.stage,
    image: `${repository}@${digest}`,
    repository,
    tag,
    digest,
    revision,
    previous: was && { revision: was.revision, tag: was.tag },
  })
}

/** What is in the url beside its host may be what lets us in. */
function secretsOf({ secret, headers }: WebhookDeployerConfig, { pathname, search, searchParams }: URL) {
  const parts = [pathname, search, ...pathname.split('/'), ...searchParams.values()].filter((part) => part.length >= 12)
  const values = Object.values(headers).flatMap((value) => [
    value,
    ...value.split(' ').filter((part) => part.length >= 8),
  ])
  return new Map([
    ...[secret].flat().map((one, at) => [`secret ${at + 1}`, one] as const),
    ...values.map((one, at) => [`header ${at + 1}`, one] as const),
    ...parts.map((one, at) => [`url ${at + 1}`, one] as const),
  ])
}

function pending(handle: Handle, again: Ms, detail: string): DeployResult {
  return { is: 'pending', handle: { ...handle }, again, detail }
}

function done({ ref }: Said, detail: string | null): DeployResult {
  return { is: 'deployed', ...(ref !== null && { ref }), ...(detail !== null && { detail }) }
}

function failed(code: 'target.unavailable' | 'target.refused' | 'timed-out', what: string, effect: 'none' | 'unknown') {
  return { is: 'failed', error: new AppError(code, what), effect } as const
}
