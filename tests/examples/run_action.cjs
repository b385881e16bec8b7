// Run the action of Auth0 with the event on standard input, and print what it reports.
const { onExecuteCustomPhoneProvider } = require(process.argv[2]);

const reports = [];
const notification = {
  drop: (reason) => reports.push(["drop", reason]),
  retry: (reason) => reports.push(["retry", reason]),
};
let input = "";
process.stdin.on("data", (chunk) => (input += chunk));
process.stdin.on("end", async () => {
  await onExecuteCustomPhoneProvider(JSON.parse(input), { notification });
  console.log(JSON.stringify(reports));
});
