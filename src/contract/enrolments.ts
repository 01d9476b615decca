import * as Type from 'typebox/type'
import { defineOperation } from './operation.ts'
import { EnrolmentPurpose, Id, Secret, Time } from './schemas.ts'

export const openEnrolment = defineOperation({
  id: 'enrolment.open',
  method: 'POST',
  url: '/v1/enrolments/open',
  summary:
    'Begin what a one-time link is for: a session that serves for this binding alone, and the proof that it begins with. The link is used when the binding is finished.',
  access: 'anyone',
  stepUp: null,
  body: Type.Object({ link_secret: Secret, purpose: EnrolmentPurpose }, { additionalProperties: false }),
  status: 201,
  answer: Type.Object({
    username: Type.String(),
    session_id: Id,
    session_secret: Secret,
    proof: Secret,
    expires_at: Time,
  }),
  problems: ['link_invalid', 'link_other_purpose', 'throttled'],
})
