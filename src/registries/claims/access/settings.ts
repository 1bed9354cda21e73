/** How service accounts of clusters are named: in the configuration, and in the drop-in's file. */
import { z } from 'zod'

const text = z.string().min(1)
const who = {
  cluster: text.describe('The cluster that these accounts tell of'),
  audience: text.default('machinery-status-collector').describe('What their tokens are for'),
  accounts: z
    .array(text.regex(/^[^/\s]+\/[^/\s]+$/, 'is not NAMESPACE/NAME'))
    .min(1)
    .describe('Service accounts, as namespace/name: any pod can have a token for any audience'),
}

export const identityEntry = z.union([
  z.strictObject({
    ...who,
    issuer: z.url().describe('As tokens say it (iss)'),
    keys: text.optional().describe('URL or file of its JWKS; default: the issuer is asked where it is'),
  }),
  z.strictObject({ ...who, review: z.literal(true).describe('The cluster that this runs in is asked (TokenReview)') }),
])
export type IdentityEntry = z.infer<typeof identityEntry>
