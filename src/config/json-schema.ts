import { z } from 'zod'
import type { Registry } from '../registries/registry.ts'
import { configSchema } from './schema.ts'

/**
 * The JSON Schema of the config file, for editors (docs/regista.schema.json). Draft 7, which is what
 * their YAML plug-ins know. Where a number or true/false stands, `${NAME}` may stand too.
 */
export function configJsonSchema(registries: readonly Registry[]): object {
  const schema = z.toJSONSchema(configSchema(registries), {
    target: 'draft-7',
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      const type = zodSchema._zod.def.type
      if (type !== 'number' && type !== 'boolean') return
      const { description, default: fallback, ...plain } = jsonSchema
      for (const name of Object.keys(jsonSchema)) delete jsonSchema[name]
      if (description !== undefined) jsonSchema.description = description
      if (fallback !== undefined) jsonSchema.default = fallback
      jsonSchema.anyOf = [plain as typeof jsonSchema, { type: 'string', pattern: '\\$\\{' }]
    },
  })
  return { title: 'Regista configuration', ...schema }
}
