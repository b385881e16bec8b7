// An application with better-auth that signs people up by phone through Twilio's SDK.
// Prints the URL of its endpoints, and ends when standard input ends.
import http from 'node:http';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { toNodeHandler } from 'better-auth/node';
import { phoneNumber } from 'better-auth/plugins';
import twilio from 'twilio';

const [url, account, token, service] = process.argv.slice(2);
const client = twilio(account, token);
client.verify.baseUrl = url;
const { verifications, verificationChecks } = client.verify.v2.services(service);

const verifyOTP = async ({ phoneNumber: to, code }) => {
  try {
    return (await verificationChecks.create({ to, code })).status === 'approved';
  } catch (error) {
    if (error.code === 20404) return false;
    throw error;
  }
};

const server = http.createServer();
server.listen(0, '127.0.0.1', () => {
  const baseURL = `http://127.0.0.1:${server.address().port}`;
  const auth = betterAuth({
    baseURL,
    secret: 'a-secret-of-the-end-to-end-tests-only',
    database: memoryAdapter({ user: [], session: [], account: [], verification: [] }),
    telemetry: { enabled: false },
    rateLimit: { enabled: false },
    plugins: [
      phoneNumber({
        sendOTP: ({ phoneNumber: to }) => verifications.create({ to, channel: 'sms' }),
        verifyOTP,
        signUpOnVerification: {
          getTempEmail: (number) => `${number.slice(1)}@phone.example`,
          getTempName: (number) => number,
        },
      }),
    ],
  });
  server.on('request', toNodeHandler(auth));
  console.log(`${baseURL}/api/auth`);
});
process.stdin.on('end', () => process.exit(0)).resume();
