// What the contract names, without its schemas: who needs the names alone does not load the schema library.

export const verificationMethods = ['password', 'email', 'phone', 'totp', 'webauthn', 'recovery'] as const
export type VerificationMethod = (typeof verificationMethods)[number]

export const isVerificationMethod = (text: string): text is VerificationMethod =>
  verificationMethods.some(method => method === text)

export const bindableItems = ['phone', 'email', 'totp', 'wechat', 'webauthn'] as const
export type BindableItem = (typeof bindableItems)[number]

export const securityItems = ['password', ...bindableItems] as const
export type SecurityItem = (typeof securityItems)[number]

export const stepUpOperations = [
  'password.change',
  'phone.bind',
  'phone.unbind',
  'email.bind',
  'email.unbind',
  'totp.bind',
  'totp.unbind',
  'wechat.bind',
  'wechat.unbind',
  'webauthn.bind',
  'webauthn.unbind',
  'recovery_codes.create',
] as const
export type StepUpOperation = (typeof stepUpOperations)[number]
