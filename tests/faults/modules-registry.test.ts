/** A part of `npm run prove -- modules modules.registry-faults`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { skipWithout } from '../parts/find.ts'
import { realRegistryFaults, registryFaults, type FaultSeen } from '../parts/modules-faults.ts'

const check = (seen: readonly FaultSeen[]) =>
  assert.deepEqual(
    seen.filter(({ wrong }) => wrong.length > 0).map(({ fault, wrong }) => `${fault}: ${wrong.join('; ')}`),
    [],
  )

test('a registry that goes wrong in the middle of a scan', { timeout: 240_000 }, async () => {
  check(await registryFaults(['401', '500', 'hangs', 'half-a-list', 'second-page-404']))
})

test(
  'a real registry that takes our name no more, is killed, and falls silent',
  { skip: skipWithout('docker-registry', 'openssl'), timeout: 240_000 },
  async () => check(await realRegistryFaults()),
)
