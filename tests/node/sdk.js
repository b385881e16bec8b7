// A verification through Twilio's SDK for Node with another base URL.
// Prints `code?` on standard output, and reads the code from standard input.
const readline = require('readline');
const twilio = require('twilio');

const [url, account, token, service, to] = process.argv.slice(2);
const client = twilio(account, token);
client.verify.baseUrl = url;

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const readCode = async () => {
  console.log('code?');
  return (await lines.next()).value;
};

(async () => {
  const results = {};
  const { verifications, verificationChecks } = client.verify.v2.services(service);
  const sent = await verifications.create({ to, channel: 'sms' });
  results.sent = [sent.status, sent.valid, sent.dateCreated instanceof Date];
  results.again = (await verifications.create({ to, channel: 'sms' })).sid === sent.sid;
  results.fetched = (await client.verify.v2.services(service).verifications(sent.sid).fetch()).status;
  results.wrong = (await verificationChecks.create({ to, code: '0000000' })).status;
  const right = await verificationChecks.create({ to, code: await readCode() });
  results.right = [right.status, right.valid, right.sid === sent.sid];
  try {
    await verificationChecks.create({ to, code: '123456' });
  } catch (error) {
    results.gone = [error.status, error.code, error.moreInfo];
  }
  for (let n = 0; n < 3; n += 1) {
    await client.verify.v2.services.create({ friendlyName: `Shop ${n}` });
  }
  results.listed = (await client.verify.v2.services.list({ pageSize: 2 })).length;
  console.log(JSON.stringify(results));
  process.exit(0);
})();
