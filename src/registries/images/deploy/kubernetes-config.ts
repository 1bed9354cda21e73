/** `kubernetes`: the image of a Deployment, StatefulSet or DaemonSet is set, and its rollout waited for. */
import { z } from 'zod'
import { duration } from '../../../kernel/settings.ts'

export const kubernetesDeployer = z
  .strictObject({
    kubeconfig: z.string().min(1).optional().describe('Kubeconfig file; default: the service account of the pod'),
    context: z.string().min(1).optional().describe('Of the kubeconfig file; default: its current one'),
    namespace: z
      .string()
      .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'is no name of a namespace')
      .optional()
      .describe('Of workloads that name none; default: that of the pod, or of the kubeconfig context, or "default"'),
    timeout: duration({ least: 10_000, most: 86_400_000 })
      .optional()
      .describe('How long a rollout may take before the image of before is set again; 10m'),
  })
  .superRefine((given, context) => {
    if (given.context === undefined || given.kubeconfig !== undefined) return
    const message = 'is given without kubeconfig\nname the file that has this context'
    context.addIssue({ code: 'custom', path: ['context'], message })
  })

export type KubernetesDeployerConfig = z.infer<typeof kubernetesDeployer>
