import { systemClock } from '../../src/lib/clock.ts'
import { systemRandom } from '../../src/lib/random.ts'
import {
  type Ctap2Responder,
  SecurityKeyDevice,
  SoftwareAuthenticator,
  serveOverUdp,
} from '../../src/simulators/security-key/index.ts'

const getAssertion = 0x02

/** A person with several security keys and one USB port. */
export interface Pocket {
  /** `--device` of the port. */
  readonly address: string
  /** Plugs in the key that they have had all along. They pull it and plug in a new one as soon as it has signed. */
  plugInOwn(): void
  /** Plugs in a key that nobody has used. */
  plugInNew(): void
  close(): Promise<void>
}

export async function startPocket(): Promise<Pocket> {
  const own = new SoftwareAuthenticator({ random: systemRandom })
  let pluggedIn = own
  const plugInNew = () => {
    pluggedIn = new SoftwareAuthenticator({ random: systemRandom })
  }
  const port: Ctap2Responder = {
    async answer(request, askForTouch) {
      let touched = false
      const answer = await pluggedIn.answer(request, () => {
        touched = true
        return askForTouch()
      })
      if (touched && request[0] === getAssertion) plugInNew()
      return answer
    },
  }
  const options = { clock: systemClock, random: systemRandom, touch: 'automatic' } as const
  const { address, close } = await serveOverUdp(new SecurityKeyDevice(port, options))
  return {
    address,
    plugInOwn: () => {
      pluggedIn = own
    },
    plugInNew,
    close,
  }
}
