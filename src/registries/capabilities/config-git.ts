/** The `git` part of a sync: a repository as the place of the manifests. */
import { join } from 'node:path'
import { z } from 'zod'
import { gitRemoteShape, oneWayIn } from '../../connectors/git/settings.ts'

/** What git takes as the name of a ref (git-check-ref-format), as far as it could be mistaken for something else. */
// oxlint-disable-next-line no-control-regex -- these are what is refused
const refName = /^(?![-/])(?!.*(?:\.\.|@\{|\/\/|\.lock$|[./]$))[^\x00-\x20\x7f~^:?*[\\]+$/

export const gitSettings = z
  .strictObject({
    ...gitRemoteShape,
    ref: z
      .string()
      .regex(refName, 'is no name of a ref\ngive a branch, a tag or a whole commit id')
      .optional()
      .describe("Branch, tag or full commit id; default: the remote's HEAD"),
    path: z
      .string()
      .refine(
        (path) => !/[\0\n]/.test(path) && !path.split('/').includes('..'),
        'must be a folder within the repository',
      )
      .default('')
      .describe('Folder of the manifests within the repository; default: its top'),
  })
  .superRefine(oneWayIn)

export type GitSettings = z.infer<typeof gitSettings>

/** As git has it: no '/' at either end, no '.' between. */
export function gitPathOf({ path }: GitSettings): string {
  return join('/', path).replace(/^\/|\/$/g, '')
}
