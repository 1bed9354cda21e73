/** `webhook`: somebody else deploys, told by a signed request and asked until it is done. */
import { z } from 'zod'
import { duration } from '../../../kernel/settings.ts'
import { checkReceiver, receiverSettings } from '../../receiver.ts'

export const webhookDeployer = z
  .strictObject({
    ...receiverSettings,
    timeout: duration({ least: 100, most: 300_000 }).optional().describe('Bound of each request; 30s'),
    status_within: duration({ least: 1000, most: 86_400_000 })
      .optional()
      .describe('How long a deploy that was taken (202) may go on before it counts as failed; 30m'),
  })
  .superRefine(checkReceiver)
  .superRefine(({ headers }, context) => {
    if (!Object.keys(headers).some((name) => name.toLowerCase() === 'idempotency-key')) return
    const message = 'names a header that is set already\ntake it out'
    context.addIssue({ code: 'custom', path: ['headers'], message })
  })

export type WebhookDeployerConfig = z.infer<typeof webhookDeployer>
