import type { AnswerWith } from './method.ts'

export const answerWithRecoveryCode: AnswerWith = async ({ interaction }) => ({
  method: 'recovery',
  code: await interaction.recoveryCode(),
})
