export { webauthnProblems } from './webauthn.ts'
