/** Deliveries as each kind of sender makes them. */
import { createHmac } from 'node:crypto'

export interface Sent {
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export const secret = 'a secret between the forge and us'
export const oldSecret = 'a secret that has been replaced'
export const token = 'Bearer what the registry was told'

export function macOf(body: Buffer | string, key = secret): string {
  return createHmac('sha256', key).update(body).digest('hex')
}

const json = (value: unknown) => Buffer.from(JSON.stringify(value))
const digest = `sha256:${'c0ffee'.repeat(11)}`.slice(0, 71)
const at = '2026-11-20T10:00:00Z'

export interface GiteaOptions {
  readonly owner?: string
  readonly name?: string
  readonly version?: string
  readonly type?: string
  readonly action?: string
  readonly event?: string
  readonly id?: string
  readonly key?: string | null
  readonly form?: boolean
  readonly as?: 'gitea' | 'forgejo' | 'gogs'
}

/** `key: null`: a hook without a secret, whose signatures are empty. */
export function fromGitea(options: GiteaOptions = {}): Sent {
  const { owner = 'team', name = 'shop', version = 'v1.2.3', type = 'container', action = 'created' } = options
  const { event = 'package', id = '6a1f-1', key = secret, form = false, as = 'gitea' } = options
  const user = { id: 7, login: owner, username: owner, full_name: '', email: 'team@forge.example' }
  const text = JSON.stringify({
    action,
    repository: null,
    package: {
      id: 42,
      owner: user,
      repository: null,
      creator: user,
      type,
      name,
      version,
      html_url: `https://forge.example/${owner}/-/packages/container/${name}/${version}`,
      created_at: at,
    },
    organization: null,
    sender: user,
  })
  const mac = key === null ? '' : macOf(text, key)
  const body = Buffer.from(form ? new URLSearchParams({ payload: text }).toString() : text)
  const own = (word: string) => ({
    [`x-${word}-delivery`]: id,
    [`x-${word}-event`]: event,
    [`x-${word}-event-type`]: event,
    [`x-${word}-signature`]: mac,
  })
  const headers = {
    'content-type': form ? 'application/x-www-form-urlencoded' : 'application/json',
    'x-github-delivery': id,
    'x-github-event': event,
    'x-hub-signature': 'sha1=',
    'x-hub-signature-256': `sha256=${mac}`,
    ...(as === 'gogs' ? {} : own('gitea')),
    ...(as === 'forgejo' ? own('forgejo') : {}),
    ...own('gogs'),
  }
  return { headers, body }
}

export interface GithubOptions {
  readonly event?: 'package' | 'registry_package' | 'ping'
  readonly action?: string
  readonly tag?: string
  readonly id?: string
  readonly key?: string
  readonly form?: boolean
  readonly type?: string
}

export function fromGithub(options: GithubOptions = {}): Sent {
  const { event = 'package', action = 'published', tag = 'v1.2.3', id = 'd3b0-1', key = secret } = options
  const { form = false, type = 'CONTAINER' } = options
  const of = {
    id: 9,
    name: 'shop',
    namespace: 'Team',
    owner: { login: 'Team', id: 7, type: 'Organization' },
    package_type: type,
    ecosystem: type,
    package_version: {
      id: 10,
      version: digest,
      container_metadata: { tag: { name: tag, digest: tag === '' ? '' : digest }, manifest: {}, labels: {} },
      created_at: at,
    },
  }
  const text = JSON.stringify(
    event === 'ping'
      ? { zen: 'Keep it simple.', hook_id: 1, hook: {} }
      : { action, [event]: of, sender: { login: 'ann' } },
  )
  const body = Buffer.from(form ? new URLSearchParams({ payload: text }).toString() : text)
  const headers = {
    'content-type': form ? 'application/x-www-form-urlencoded' : 'application/json',
    'user-agent': 'GitHub-Hookshot/0',
    'x-github-event': event,
    'x-github-delivery': id,
    'x-hub-signature-256': `sha256=${macOf(body, key)}`,
  }
  return { headers, body }
}

export function fromDockerHub(repository = 'team/shop', tag = 'v1.2.3'): Sent {
  const [namespace, name] = repository.split('/')
  const body = json({
    callback_url: `https://registry.hub.docker.com/u/${repository}/hook/1234/`,
    push_data: { pushed_at: 1_763_632_800, pusher: 'ann', tag, images: [], media_type: null },
    repository: { repo_name: repository, namespace, name, is_private: true, status: 'Active', star_count: 0 },
  })
  return { headers: { 'content-type': 'application/json' }, body }
}

export interface DistributionEvent {
  readonly id: string
  readonly action?: string
  readonly repository?: string
  readonly tag?: string
}

export function fromDistribution(events: readonly DistributionEvent[], header: string = token): Sent {
  const body = json({
    events: events.map(({ id, action = 'push', repository = 'team/shop', tag }) => ({
      id,
      timestamp: at,
      action,
      target: {
        mediaType: 'application/vnd.oci.image.manifest.v1+json',
        digest,
        size: 400,
        length: 400,
        repository,
        url: `http://registry:5000/v2/${repository}/manifests/${digest}`,
        ...(tag !== undefined && { tag }),
      },
      request: { id: `r-${id}`, addr: '10.0.0.9:41234', host: 'registry:5000', method: 'PUT', useragent: 'skopeo' },
      actor: {},
      source: { addr: 'registry:5000', instanceID: 'a1' },
    })),
  })
  const headers = { 'content-type': 'application/vnd.docker.distribution.events.v1+json', 'authorization': header }
  return { headers, body }
}

export interface HarborOptions {
  readonly type?: string
  readonly tags?: readonly string[]
  readonly format?: 'default' | 'cloudevents'
  readonly header?: string
}

export function fromHarbor(options: HarborOptions = {}): Sent {
  const { type, tags = ['v1.2.3'], format = 'default', header = token } = options
  const data = {
    resources: tags.map((tag) => ({ digest, tag, resource_url: `harbor.example:8443/team/shop:${tag}` })),
    repository: {
      date_created: 1_763_632_800,
      name: 'shop',
      namespace: 'team',
      repo_full_name: 'team/shop',
      repo_type: 'private',
    },
  }
  const body =
    format === 'default'
      ? json({ type: type ?? 'PUSH_ARTIFACT', occur_at: 1_763_632_801, operator: 'ann', event_data: data })
      : json({
          specversion: '1.0',
          id: 'ce-1',
          source: '/projects/2/webhook/policies/3',
          type: type ?? 'harbor.artifact.pushed',
          datacontenttype: 'application/json',
          time: at,
          operator: 'ann',
          data,
        })
  const contentType = format === 'default' ? 'application/json' : 'application/cloudevents+json'
  return { headers: { 'content-type': contentType, 'authorization': header }, body }
}

export function fromQuay(tags: readonly string[] = ['v1.2.3']): Sent {
  const body = json({
    name: 'shop',
    repository: 'team/shop',
    namespace: 'team',
    docker_url: 'quay.io/team/shop',
    homepage: 'https://quay.io/repository/team/shop',
    updated_tags: tags,
  })
  return { headers: { 'content-type': 'application/json' }, body }
}

/** As EventBridge tells of ECR, put into a CloudEvent. */
export function fromCloudEvents(more: object = {}, header: string = token): Sent {
  const body = json({
    specversion: '1.0',
    id: 'ce-7',
    type: 'com.amazon.ecr.push',
    source: 'urn:aws:ecr:eu-central-1:123456789012:team/shop',
    subject: 'team/shop:v1.2.3',
    time: at,
    datacontenttype: 'application/json',
    data: { repositoryName: 'team/shop', imageTag: 'v1.2.3', imageDigest: digest, result: 'SUCCESS' },
    ...more,
  })
  return { headers: { 'content-type': 'application/cloudevents+json', 'authorization': header }, body }
}
