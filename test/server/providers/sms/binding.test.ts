import { afterEach, beforeEach, expect, test } from 'vitest'
import { systemRandom } from '../../../../src/lib/random.ts'
import { routeSms } from '../../../../src/server/providers/sms/router.ts'
import { openTwilio } from '../../../../src/server/providers/sms/twilio/twilio.ts'
import { startTwilioSimulator, type TwilioSimulator } from '../../../../src/simulators/sms/twilio/simulator.ts'
import { manualClock } from '../../../support/manual-clock.ts'
import { openServerWorld, refusalOf, type ServerWorld } from '../../../support/server-world.ts'
import { until } from '../../../support/until.ts'
import { scriptedHealth, scriptedProvider } from './scripted-providers.ts'

const number = '+14155552671'
const clock = manualClock()
let simulator: TwilioSimulator
let world: ServerWorld

beforeEach(async () => {
  simulator = await startTwilioSimulator({ clock, random: systemRandom })
  const { accountSid, authToken } = simulator.account
  const common = { accountSid, authToken, from: '+15005550006', statusCallback: undefined, timeout: 2000 }
  const twilio = openTwilio({ ...common, baseUrl: simulator.baseUrl }, { clock })
  const routes = [
    { countries: ['+86'], providers: ['aliyun'] },
    { countries: ['+1', '+44'], providers: ['tencent', 'twilio'] },
  ] as const
  const providers = {
    aliyun: scriptedProvider('aliyun'),
    tencent: scriptedProvider('tencent', ['unreachable']),
    twilio,
  }
  const phone = routeSms({ config: { routes }, providers, health: scriptedHealth() })
  world = await openServerWorld({ senders: { phone } })
})
afterEach(async () => {
  await world.close()
  await simulator.close()
})

test('a phone is bound through Twilio, whose turn came when the first provider was not reached', async () => {
  const member = await world.join('caller')
  const { contactBindings, domain } = world.services
  const proof = await world.prove(member, 'phone.bind')
  expect(await refusalOf(contactBindings.begin(member, proof, 'phone', '+4915112345678'))).toBe(
    'phone_country_unserved',
  )
  const { binding_id } = await contactBindings.begin(member, proof, 'phone', '+1 (415) 555-2671')
  const message = await until('a text message', () => simulator.messages[0])
  expect(message.to).toBe(number)
  const code = /\d{6}/.exec(message.body)?.[0] ?? ''
  const binding = await domain.store.read.bindings.find(binding_id)
  if (!binding) throw new Error('no binding')
  await contactBindings.finish(member, { ...binding, item: 'phone' }, code)
  expect((await world.again(member)).account.phone_number).toBe(number)
})
