// The life of a verification through Twilio's own SDK for Node, with one line changed.
// Asks for each code on standard output, and is told on standard input.
const readline = require('readline');
const twilio = require('twilio');

const [url, account, token, service, to] = process.argv.slice(2);
const client = twilio(account, token);
client.verify.baseUrl = url;

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const codeIs = async () => {
  console.log('code?');
  return (await lines.next()).value;
};

(async () => {
  const said = {};
  const { verifications, verificationChecks } = client.verify.v2.services(service);
  const sent = await verifications.create({ to, channel: 'sms' });
  said.sent = [sent.status, sent.valid, sent.dateCreated instanceof Date];
  said.again = (await verifications.create({ to, channel: 'sms' })).sid === sent.sid;
  said.fetched = (await client.verify.v2.services(service).verifications(sent.sid).fetch()).status;
  said.wrong = (await verificationChecks.create({ to, code: '0000000' })).status;
  const right = await verificationChecks.create({ to, code: await codeIs() });
  said.right = [right.status, right.valid, right.sid === sent.sid];
  try {
    await verificationChecks.create({ to, code: '123456' });
  } catch (error) {
    said.gone = [error.status, error.code, error.moreInfo];
  }
  for (let n = 0; n < 3; n += 1) {
    await client.verify.v2.services.create({ friendlyName: `Shop ${n}` });
  }
  said.listed = (await client.verify.v2.services.list({ pageSize: 2 })).length;
  console.log(JSON.stringify(said));
  process.exit(0);
})();
