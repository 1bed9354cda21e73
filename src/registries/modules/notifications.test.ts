import assert from 'node:assert/strict'
import { test } from 'node:test'
import { moduleScope, registryScope } from './layout.ts'
import { hintsOf, Notification } from './notifications.ts'

const places = [
  { base: 'one.example.io/ee/modules', path: 'ee/modules' },
  { base: 'two.example.io/fe/modules', path: 'fe/modules' },
]
const event = (action: string, repository?: string) => ({
  action,
  target: repository === undefined ? {} : { repository },
})

test('a push to a release image, and a new module, are worth a look', () => {
  const events = [
    event('push', 'ee/modules/console/release'),
    event('push', 'fe/modules'),
    event('delete', 'fe/modules'),
  ]
  assert.deepEqual(hintsOf({ events }, places), [
    { scope: moduleScope('one.example.io/ee/modules', 'console') },
    { scope: registryScope('two.example.io/fe/modules') },
  ])
})

test('pulls, other repositories and other nesting are not', () => {
  const events = [
    event('pull', 'ee/modules/console/release'),
    event('push', 'ee/modules/console'),
    event('push', 'ee/modules/console/release/more'),
    event('push', 'ee/modules/console/other'),
    event('push', 'ee/modules-extra/console/release'),
    event('push', 'ee/modules/BAD/release'),
    event('push', 'elsewhere/console/release'),
    event('push'),
  ]
  assert.deepEqual(hintsOf({ events }, places), [])
})

test('Harbor tells of one repository at a time', () => {
  const harbor = (type: string) => ({
    type,
    event_data: { repository: { repo_full_name: 'ee/modules/console/release' } },
  })
  const one = [{ scope: moduleScope('one.example.io/ee/modules', 'console') }]
  for (const type of ['PUSH_ARTIFACT', 'DELETE_ARTIFACT', 'pushImage'])
    assert.deepEqual(hintsOf(harbor(type), places), one)
  for (const type of ['PULL_ARTIFACT', 'SCANNING_COMPLETED']) assert.deepEqual(hintsOf(harbor(type), places), [])
})

test('what is neither is refused', () => {
  for (const body of [{}, { events: [{}] }, { type: 'PUSH_ARTIFACT' }]) assert.ok(!Notification.safeParse(body).success)
})
