import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import { parse } from 'yaml'
import { registries } from '../registries/index.ts'
import { configJsonSchema } from './json-schema.ts'

const published = new URL('../../docs/regista.schema.json', import.meta.url)
const quickstart = new URL('../../examples/quickstart/regista.yaml', import.meta.url)

test('docs/regista.schema.json is what the program takes', () => {
  const current = `${JSON.stringify(configJsonSchema(registries), null, 2)}\n`
  if (process.env['UPDATE'] === '1') writeFileSync(published, current)
  const next = 'write it anew: UPDATE=1 node --test src/config/json-schema.test.ts'
  assert.equal(readFileSync(published, 'utf8'), current, next)
})

test('an editor that uses it accepts the example and ${…}, and refuses what the program refuses', () => {
  const valid = new Ajv({ strict: false }).compile(JSON.parse(readFileSync(published, 'utf8')) as object)
  assert.ok(valid(parse(readFileSync(quickstart, 'utf8'))), JSON.stringify(valid.errors))
  assert.ok(valid({ server: { port: '${PORT}', behind_proxy: '${PROXY:-false}' } }))
  for (const wrong of [
    { server: { port: 'x' } },
    { server: { prot: 1 } },
    { log: { level: 'inf' } },
    { nothing: {} },
  ]) {
    assert.equal(valid(wrong), false, JSON.stringify(wrong))
  }
})
