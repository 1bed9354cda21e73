/** What we take out of GitHub's answers; all else in them may change as it likes. */
import { z } from 'zod'
import { malformed, type Asked } from '../forge/answers.ts'

const sha = z.string().regex(/^[0-9a-f]{40,64}$/)

export const branchAnswer = z.object({
  name: z.string(),
  // Of the commit: some places do not tell its tree.
  commit: z.object({ sha, commit: z.object({ tree: z.object({ sha }) }).optional() }),
})
export const refAnswer = z.object({ ref: z.string(), object: z.object({ sha }) })
export const refsAnswer = z.array(refAnswer)
export const compareAnswer = z.object({ status: z.enum(['ahead', 'behind', 'diverged', 'identical']) })
export const commitAnswer = z.object({ sha, tree: z.object({ sha }) })
export const madeAnswer = z.object({ sha })
export const repositoryAnswer = z.object({ node_id: z.string() })
export const contentAnswer = z.union([
  z.array(z.unknown()),
  z.object({
    type: z.string(),
    path: z.string().optional(),
    sha,
    size: z.number().optional(),
    content: z.string().optional(),
    encoding: z.string().optional(),
  }),
])
export const blobAnswer = z.object({ content: z.string(), encoding: z.literal('base64') })
export const pullAnswer = z.object({
  number: z.int().positive(),
  node_id: z.string().optional(),
  html_url: z.string(),
  state: z.enum(['open', 'closed']),
  merged_at: z.string().nullish(),
  title: z.string(),
  body: z.string().nullish(),
})
export const pullsAnswer = z.array(pullAnswer)
export const commentsAnswer = z.array(z.object({ body: z.string().nullish() }))

export function take<T>(schema: z.ZodType<T>, json: unknown, asked: Asked): T {
  const read = schema.safeParse(json)
  if (read.success) return read.data
  const path = read.error.issues[0]?.path.map(String).join('.') ?? ''
  throw malformed(asked, `something else than was asked for${path === '' ? '' : ` (${path})`}`)
}
