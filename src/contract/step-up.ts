import * as Type from 'typebox/type'
import { VerificationAnswer, VerificationBegin, VerificationBegun, verificationProblems } from './logins.ts'
import { defineOperation } from './operation.ts'
import { Id, MethodChoice, Secret, StepUpOperation, Time, VerificationMethod } from './schemas.ts'

export const Challenge = Type.Object({
  challenge_id: Id,
  operation: StepUpOperation,
  expires_at: Time,
  /** What this account may use for this operation; the password first. */
  methods: Type.Array(MethodChoice),
})
export type Challenge = Type.Static<typeof Challenge>

const ChallengeParams = Type.Object({ challenge_id: Id }, { additionalProperties: false })

export const createChallenge = defineOperation({
  id: 'step_up.challenge',
  method: 'POST',
  url: '/v1/step-up',
  summary: 'Ask for a step-up challenge, bound to this session, one operation and, where stated, one value.',
  access: 'session',
  stepUp: null,
  body: Type.Object(
    {
      operation: StepUpOperation,
      /** The new number or address, or the id of the key to unbind. The proof then serves for no other. */
      value: Type.Optional(Type.String({ minLength: 1, maxLength: 320 })),
    },
    { additionalProperties: false },
  ),
  status: 201,
  answer: Challenge,
  problems: ['phone_number_invalid', 'email_address_invalid', 'invalid_request', 'throttled'],
})

export const beginVerification = defineOperation({
  id: 'step_up.begin_verification',
  method: 'POST',
  url: '/v1/step-up/:challenge_id/begin',
  summary: 'Send a code, or ask for the options of a security key ceremony.',
  access: 'session',
  stepUp: null,
  params: ChallengeParams,
  body: VerificationBegin,
  status: 200,
  answer: VerificationBegun,
  problems: ['challenge_expired', 'method_not_available', 'throttled'],
})

export const finishVerification = defineOperation({
  id: 'step_up.finish_verification',
  method: 'POST',
  url: '/v1/step-up/:challenge_id/finish',
  summary: 'Answer the challenge and receive the proof, which serves once and for five minutes.',
  access: 'session',
  stepUp: null,
  params: ChallengeParams,
  body: VerificationAnswer,
  status: 200,
  answer: Type.Object({ proof: Secret, method: VerificationMethod, expires_at: Time }),
  problems: [
    'challenge_expired',
    'webauthn_challenge_used',
    'webauthn_challenge_expired',
    'webauthn_challenge_foreign',
    ...verificationProblems,
  ],
})
