import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { registries } from '../registries/index.ts'
import { configJsonSchema } from './json-schema.ts'

const published = new URL('../../docs/regista.schema.json', import.meta.url)

test('docs/regista.schema.json is what the program takes', () => {
  const current = `${JSON.stringify(configJsonSchema(registries), null, 2)}\n`
  if (process.env['UPDATE'] === '1') writeFileSync(published, current)
  const next = 'write it anew: UPDATE=1 node --test src/config/json-schema.test.ts'
  assert.equal(readFileSync(published, 'utf8'), current, next)
})
