import { kubernetesContract } from './testing/contract.ts'
import { startKubeApiServer, withoutKubeApiServer } from './testing/kube-apiserver.ts'
import { startSimulator } from './testing/simulator.ts'

kubernetesContract(
  'simulator',
  async () => {
    const simulator = await startSimulator({ token: 'right', unserved: ['apis/nobody.io/v1/things'] })
    const access = () => Promise.resolve({ headers: { authorization: 'Bearer wrong' }, tls: {} })
    return {
      cluster: simulator.cluster(),
      stranger: simulator.cluster({ access }),
      async restart() {
        await simulator.stop()
        await simulator.start()
      },
      async dispose() {
        await simulator[Symbol.asyncDispose]()
      },
    }
  },
  { skip: false },
)

kubernetesContract('kube-apiserver', startKubeApiServer, { skip: withoutKubeApiServer() })
