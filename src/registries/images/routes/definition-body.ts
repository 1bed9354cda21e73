/**
 * A definition as a request brings it. Routes are checked by what JSON Schema can say; what it cannot (patterns,
 * ranges, timetables, windows) is checked here, by the schema that the config file is checked by.
 */
import { z } from 'zod'
import { AppError } from '../../../kernel/errors.ts'
import { strategies } from '../model.ts'
import { stageDefinition, type StageDefinition } from '../stages/definition.ts'

type Field = keyof typeof stageDefinition.shape

const about = (field: Field) => ({ description: stageDefinition.shape[field].description ?? '' })
const text = (field: Field) => z.string().min(1).max(1000).meta(about(field))
const texts = (field: Field) => z.union([z.string().max(1000), z.array(z.string().max(1000))]).meta(about(field))
const flag = (field: Field) => z.boolean().optional().meta(about(field))

export const patternText = texts('pattern').optional()
export const rangeText = text('range').optional()
export const imageText = text('image')

export const DefinitionBody = z.strictObject({
  registry: text('registry'),
  image: imageText,
  pattern: patternText,
  strategy: z.enum(strategies).optional().meta(about('strategy')),
  range: rangeText,
  platform: text('platform').optional(),
  schedule: text('schedule').optional(),
  polling: flag('polling'),
  auto_deploy: flag('auto_deploy'),
  deployer: text('deployer'),
  workload: z
    .strictObject({
      kind: z.enum(['Deployment', 'StatefulSet', 'DaemonSet']).optional(),
      namespace: z.string().optional(),
      name: z.string(),
      container: z.string().optional(),
    })
    .optional()
    .meta(about('workload')),
  approval: z
    .union([z.literal(true), z.strictObject({ count: z.int().optional(), within: z.string().optional() })])
    .optional()
    .meta(about('approval')),
  window: texts('window').optional(),
  deploy_on_first: flag('deploy_on_first'),
  allow_downgrade: flag('allow_downgrade'),
} satisfies Record<Field, z.ZodType>)

/** Throws `request.invalid` with everything that is wrong. */
export function readDefinition(given: z.infer<typeof DefinitionBody>): StageDefinition {
  return checked(stageDefinition, given)
}

/** Of a request's body, by a schema that says more than JSON Schema can. */
export function checked<T>(schema: z.ZodType<T>, given: unknown): T {
  const read = schema.safeParse(given)
  if (read.success) return read.data
  const errors = read.error.issues.map(({ path, message }) => {
    return { in: 'body', pointer: `/${path.join('/')}`, detail: message.replaceAll('\n', '; ') }
  })
  const detail = errors.map((error) => `body${error.pointer} ${error.detail}`).join('. ')
  throw new AppError('request.invalid', detail, { data: { errors } })
}
