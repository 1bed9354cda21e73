import assert from 'node:assert/strict'
import { test } from 'node:test'
import { moduleScope, registryScope } from './layout.ts'
import { hintsOf } from './notifications.ts'

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
