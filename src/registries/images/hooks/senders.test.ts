import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hookTypes } from './config.ts'
import type { Fields, Said } from './sender.ts'
import { senderBefore, senderOf } from './senders.ts'
import * as from from './testing/deliveries.ts'

function read({ headers, body }: from.Sent, type: (typeof hookTypes)[number] = 'auto'): string {
  const sender = senderBefore(type, headers)
  const payload = sender?.payload?.({ headers, body }) ?? body
  const fields = JSON.parse(Buffer.from(payload).toString()) as Fields
  const found = sender ?? senderOf(fields)
  return `${found?.type}: ${shown(found!.read(fields, headers))}`
}

const shown = ({ id, pushes, ignored }: Said) =>
  [id ?? '-', ...pushes.map((push) => `${push.id ?? '-'}=${push.repository}:${push.tag ?? '*'}`), ignored].join(' ')

const shop = '-=team/shop:v1.2.3'

test('each kind of sender is known by what it sends, and says what was pushed', () => {
  const said: readonly (readonly [from.Sent, string])[] = [
    [from.fromGitea(), `forgejo: 6a1f-1 ${shop} 0`],
    [from.fromGitea({ form: true, as: 'forgejo' }), `forgejo: 6a1f-1 ${shop} 0`],
    [from.fromGitea({ as: 'gogs', name: 'a/b' }), 'forgejo: 6a1f-1 -=team/a/b:v1.2.3 0'],
    [from.fromGithub(), 'github: d3b0-1 -=team/shop:* 0'],
    [from.fromGithub({ event: 'registry_package', action: 'updated', form: true }), 'github: d3b0-1 -=team/shop:* 0'],
    [from.fromDockerHub(), `dockerhub: - ${shop} 0`],
    [from.fromDistribution([{ id: 'e1', tag: 'v1.2.3' }]), 'distribution: - e1=team/shop:v1.2.3 0'],
    [from.fromHarbor(), `harbor: - ${shop} 0`],
    [from.fromHarbor({ type: 'pushImage', tags: ['a', 'b'] }), 'harbor: - -=team/shop:a -=team/shop:b 0'],
    [from.fromHarbor({ format: 'cloudevents' }), `cloudevents: /projects/2/webhook/policies/3 ce-1 ${shop} 0`],
    [from.fromQuay(['a', 'b']), 'quay: - -=team/shop:a -=team/shop:b 0'],
    [from.fromCloudEvents(), `cloudevents: urn:aws:ecr:eu-central-1:123456789012:team/shop ce-7 ${shop} 0`],
  ]
  for (const [sent, expected] of said) assert.equal(read(sent), expected)
  assert.equal(read(from.fromGitea(), 'gitea'), `gitea: 6a1f-1 ${shop} 0`)
  assert.equal(read(from.fromHarbor({ format: 'cloudevents' }), 'harbor'), `harbor: ce-1 ${shop} 0`)
})

test('what is no push of an image is ignored', () => {
  const ignored: readonly from.Sent[] = [
    from.fromGitea({ action: 'deleted' }),
    from.fromGitea({ type: 'npm' }),
    from.fromGitea({ version: `sha256:${'a'.repeat(64)}` }),
    from.fromGithub({ event: 'ping' }),
    from.fromGithub({ action: 'deleted' }),
    from.fromGithub({ tag: '' }),
    from.fromGithub({ type: 'npm' }),
    from.fromDistribution([{ id: 'e1', action: 'pull', tag: 'v1' }]),
    from.fromDistribution([{ id: 'e1', action: 'delete', tag: 'v1' }]),
    from.fromDistribution([{ id: 'e1', action: 'mount' }]),
    from.fromDistribution([{ id: 'e1' }]),
    from.fromDistribution([]),
    from.fromHarbor({ type: 'PULL_ARTIFACT' }),
    from.fromHarbor({ type: 'DELETE_ARTIFACT' }),
    from.fromHarbor({ tags: [`sha256:${'a'.repeat(64)}`] }),
    from.fromHarbor({ format: 'cloudevents', type: 'harbor.artifact.deleted' }),
    from.fromQuay([]),
    from.fromCloudEvents({ type: 'com.amazon.ecr.delete' }),
    from.fromCloudEvents({ data: { repositoryName: 'team/shop', imageTag: 'v1', result: 'FAILURE' } }),
    from.fromCloudEvents({ data: {}, subject: `team/shop@sha256:${'a'.repeat(64)}` }),
    from.fromCloudEvents({ data: {}, subject: undefined }),
  ]
  for (const sent of ignored) assert.match(read(sent), /: [^=]*1$/, sent.body.toString())
})

test('an image for two platforms is pushed once', () => {
  const parts = [{ id: 'e1' }, { id: 'e2' }, { id: 'e3', tag: 'v1.2.3' }]
  assert.equal(read(from.fromDistribution(parts)), 'distribution: - e3=team/shop:v1.2.3 2')
})

test('CloudEvents of other registries are understood, and in doubt believed', () => {
  const shapes: readonly (readonly [object, string])[] = [
    [{ data: { detail: { 'repository-name': 'a/b', 'image-tag': 'v1', 'action-type': 'PUSH' } } }, 'a/b:v1'],
    [{ data: { action: 'INSERT', tag: 'eu-docker.pkg.dev/p/r/img:v1' } }, 'eu-docker.pkg.dev/p/r/img:v1'],
    [{ data: { action: 'push', target: { repository: 'a/b', tag: 'v1' } } }, 'a/b:v1'],
    [{ data: {}, subject: 'host:5000/a/b:v1' }, 'host:5000/a/b:v1'],
    [{ data: {}, subject: 'host:5000/a/b' }, 'host:5000/a/b:*'],
    [{ data: { image: 'a/b:v1' } }, 'a/b:v1'],
  ]
  for (const [more, expected] of shapes)
    assert.match(read(from.fromCloudEvents(more)), new RegExp(` -=${expected.replace('*', '\\*')} 0$`))
  const { headers, body } = from.fromCloudEvents()
  const event = JSON.parse(body.toString()) as Record<string, string> & { data: object }
  const binary = Object.fromEntries(['id', 'source', 'type', 'subject'].map((name) => [`ce-${name}`, event[name]!]))
  const sent = {
    headers: { ...headers, ...binary, 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(event.data)),
  }
  assert.equal(read(sent), `cloudevents: ${event['source']} ce-7 ${shop} 0`)
})

test("what is nobody's is of no sender", () => {
  for (const body of [{}, { event: 'push' }, { package: 'x' }, { type: 'x' }]) assert.equal(senderOf(body), null)
  assert.equal(senderBefore('auto', { 'content-type': 'application/json' }), null)
  for (const type of hookTypes) if (type !== 'auto') assert.equal(senderBefore(type, {})?.type, type)
})
