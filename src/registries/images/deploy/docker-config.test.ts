import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dockerDeployer, modeOf } from './docker-config.ts'
import { fill, isPassing, namesOf } from './docker-names.ts'
import { parsePort, parseSize, parseVolume } from './docker-notation.ts'
import { createRedaction, redacted } from './redaction.ts'
import { specOf } from './docker-spec.ts'
import { AppError } from '../../../kernel/errors.ts'
import { requestFor, stage } from './testing/docker-ground.ts'

const problems = (given: object) =>
  (dockerDeployer.safeParse(given).error?.issues ?? []).map(({ path, message }) => `${path.join('.')} ${message}`)

test('settings have defaults, and a mode that suits the ports', () => {
  const usual = dockerDeployer.parse({})
  assert.equal(usual.container.name, '{project}-{stage}')
  assert.equal(usual.keep, 1)
  assert.equal(modeOf(usual), 'blue-green')
  assert.equal(modeOf(dockerDeployer.parse({ container: { ports: ['80:80'] } })), 'fixed-port')
  assert.equal(modeOf(dockerDeployer.parse({ container: { network_mode: 'host' } })), 'fixed-port')
  assert.equal(modeOf(dockerDeployer.parse({ mode: 'fixed-port' })), 'fixed-port')
})

test('what does not fit together is named, with what to do', () => {
  const cases: readonly (readonly [object, RegExp])[] = [
    [{ socket: '/a', host: 'tcp://b:1' }, /^socket is given beside host\n/],
    [{ tls: { ca: 'x' } }, /^tls is for host\n/],
    [{ host: 'tcp://b:1', tls: { cert: 'x' } }, /^tls has a cert without its key/],
    [{ host: 'ssh://b' }, /^host is no address of an engine\n/],
    [{ mode: 'blue-green', container: { ports: ['80:80'] } }, /^mode cannot be blue-green/],
    [{ alias: 'shop' }, /^alias is a name within networks\n/],
    [{ container: { network_mode: 'host', networks: ['web'] } }, /^container\.networks are given beside/],
    [{ container: { ports: ['80'] } }, /^container\.ports\.0 is no port\n/],
    [{ container: { volumes: ['relative:/x'] }, probe: { http: { port: 0 } } }, /^probe\.http\.port/],
    [{ container: { volumes: ['./x:/x'] } }, /^container\.volumes\.0 is no volume\n/],
    [{ container: { labels: { 'regista.stage': 'x' } } }, /^container\.labels regista\.\* are labels of ours/],
    [{ container: { restart: 'always' } }, /^container\.restart/],
    [{ switch: { url: 'https://x', secret: 'short' } }, /^switch\.secret is no secret of Standard Webhooks\n/],
  ]
  for (const [given, message] of cases) {
    assert.ok(
      problems(given).some((one) => message.test(one)),
      `${JSON.stringify(given)}: ${problems(given).join()}`,
    )
  }
})

test('short forms are read', () => {
  assert.deepEqual(parsePort('8080:80'), { hostIp: '', hostPort: 8080, inside: '80/tcp' })
  assert.deepEqual(parsePort('127.0.0.1:53:53/udp'), { hostIp: '127.0.0.1', hostPort: 53, inside: '53/udp' })
  assert.deepEqual(parsePort('[::1]:80:8080'), { hostIp: '::1', hostPort: 80, inside: '8080/tcp' })
  for (const text of ['80', '0:80', '80:65536', '80:80/icmp', 'x:80:80', '']) assert.equal(parsePort(text), null, text)
  assert.deepEqual(parseVolume('/a b:/c:ro'), { from: '/a b', to: '/c' })
  assert.deepEqual(parseVolume('{project}-data:/c'), { from: '{project}-data', to: '/c' })
  for (const text of ['/a', '/a:b', '../a:/b', '/a:/b:ro:x']) assert.equal(parseVolume(text), null, text)
  assert.deepEqual(['256m', '2g', '1024', '1kb'].map(parseSize), [256 << 20, 2 * 2 ** 30, 1024, 1024])
  for (const text of ['', 'm', '1.5g', '0', '-1', '9'.repeat(15) + 't']) assert.equal(parseSize(text), null, text)
})

test('a name tells what the container is', () => {
  const names = namesOf('{project}-{stage}', { ...stage, project: 'team/shop' }, 'effect', 'config')
  assert.equal(names.current, 'team-shop-prod')
  assert.equal(fill('{stage}.{project}', stage), 'prod.shop')
  const roles = [names.current, names.fresh, names.up, names.old('0123456789abcdef'), names.upOf(names.fresh)]
  assert.deepEqual(roles.map(names.roleOf), ['current', 'new', 'up', 'old', 'up'])
  assert.equal(names.upOf(names.fresh), names.up)
  for (const name of ['team-shop-prod-2', 'team-shop-prod-new-1', 'other-new-0123456789ab', 'xteam-shop-prod']) {
    assert.equal(names.roleOf(name), 'other', name)
  }
  assert.deepEqual([names.fresh, names.current].map(isPassing), [true, false])
  assert.notEqual(namesOf('x', stage, 'effect', 'other').fresh, namesOf('x', stage, 'effect', 'config').fresh)
})

test('a container is made as the settings say', () => {
  const { container } = dockerDeployer.parse({
    container: {
      env: { A: 'b=c' },
      ports: ['127.0.0.1:8080:80', '8081:80'],
      volumes: ['{project}-{stage}-data:/data'],
      networks: ['web', 'db'],
      memory: '256m',
      cpus: 0.5,
      extra_hosts: ['db:10.0.0.5'],
      labels: { team: 'x' },
    },
  })
  const made = { repository: 'registry.test/team/shop', tag: 'v1', digest: 'sha256:1', reference: '' }
  const spec = specOf(container, requestFor(made), 'config', null)
  assert.equal(spec['Image'], 'registry.test/team/shop@sha256:1')
  assert.deepEqual(spec['Env'], ['A=b=c'])
  assert.deepEqual(spec['ExposedPorts'], { '80/tcp': {} })
  assert.deepEqual(spec['NetworkingConfig'], { EndpointsConfig: { web: {} } })
  const host = spec['HostConfig'] as Record<string, unknown>
  assert.deepEqual(host['PortBindings'], {
    '80/tcp': [
      { HostIp: '127.0.0.1', HostPort: '8080' },
      { HostIp: '', HostPort: '8081' },
    ],
  })
  assert.deepEqual(host['Binds'], ['shop-prod-data:/data'])
  assert.deepEqual([host['NetworkMode'], host['Memory'], host['NanoCpus']], ['web', 256 << 20, 5e8])
  const labels = spec['Labels'] as Record<string, string>
  assert.deepEqual([labels['team'], labels['regista.stage'], labels['regista.replaces']], ['x', 'shop/prod', ''])
})

test('what is secret is taken out, whole and by lines', () => {
  const secrets = { A: 'abcd', LONG: 'abcd-efgh', ON: 'on', KEY: 'first line here\nsecond line here' }
  const { whole: redact } = createRedaction(new Map(Object.entries(secrets)))
  assert.equal(redact('x abcd-efgh abcd on'), 'x [LONG] [A] on')
  assert.equal(redact('at second line here!'), 'at [KEY]!')
  const error = new AppError('target.refused', 'said abcd', { cause: new Error('abcd'), data: { why: 'refused' } })
  const clean = redacted(error, redact)
  assert.deepEqual([clean.detail, clean.cause, clean.data], ['said [A]', undefined, { why: 'refused' }])
})
